// The command arkshare-index key: a copy of the index's key on paper.
#ifndef ARKSHARE_SERVICES_INDEX_ADMIN_KEY_COMMANDS_H_
#define ARKSHARE_SERVICES_INDEX_ADMIN_KEY_COMMANDS_H_

namespace arkshare {

// Runs "key export" or "key import", and returns the exit code of the program. Import reads the key
// from stdin, because other users can read the arguments of a program.
int RunKeyCommand(int argc, const char* const* argv);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_ADMIN_KEY_COMMANDS_H_
