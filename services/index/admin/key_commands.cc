#include "services/index/admin/key_commands.h"

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>
#include <unistd.h>

#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include "lib/core/errors.h"
#include "lib/core/key_word.h"
#include "lib/options/options.h"
#include "services/index/admin/command_parts.h"
#include "services/index/group/home.h"

namespace arkshare {
namespace {

int ExportKey(const std::string& home) {
  const absl::StatusOr<std::optional<PrivateKey>> key = ReadKeyFile(home);
  if (!key.ok()) return Report(key.status());
  if (!key->has_value()) {
    return Report(absl::NotFoundError(absl::StrCat(
        home, " has no key: give the folder with which the index runs, or start it once")));
  }
  std::cout << WriteKeyWord(**key) << "\n" << std::flush;
  std::cerr << "This is the private key of the index of " << home
            << ". A person who has it can admit members to your group, and pose as your index: "
               "keep it on paper, in a safe place. If the folder is lost: arkshare-index key "
               "import\n";
  return kExitDone;
}

int ImportKeyFrom(std::istream& input, const std::string& home) {
  if (isatty(STDIN_FILENO) == 1) {
    std::cerr << "Type the " << kKeyWordLetters << " letters and digits of the key, then Enter:\n";
  }
  std::string word;
  std::getline(input, word);
  const absl::StatusOr<PrivateKey> key = ReadKeyWord(word);
  if (!key.ok()) return Report(MakeError(Reason::kInvalidField, key.status().message()));
  const absl::StatusOr<bool> imported = ImportKey(home, *key);
  if (!imported.ok()) return Report(imported.status());
  if (!*imported) {
    std::cerr << home << " has this key already.\n";
    return kExitDone;
  }
  std::cerr << home << " has the key now. Start the index, and give it its list of members, from "
            << "any member: arkshare-index members import .arkshare/members --home " << home
            << "\nA replica gets the list from the others: start it with their --etcd.\n";
  return kExitDone;
}

}  // namespace

int RunKeyCommand(int argc, const char* const* argv) {
  std::string home;
  const auto app =
      MakeCommand("arkshare-index key", "Prints the key of the index, or takes it back.", home);
  app->require_subcommand(1);
  const CLI::App* const print =
      AddPart(*app, "export", "Prints the key as letters and digits, to keep on paper");
  AddPart(*app, "import",
          "Reads such a key from stdin, into a folder that has none; the index must not run");
  if (const std::optional<int> exit_code = ParseOptions(*app, argc, argv)) return *exit_code;
  return print->parsed() ? ExportKey(home) : ImportKeyFrom(std::cin, home);
}

}  // namespace arkshare
