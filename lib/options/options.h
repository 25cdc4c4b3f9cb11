// Options as all our programs take them: from the command line, else from the environment, else
// from a TOML file, else their default.
//
//   Options options;
//   const std::unique_ptr<CLI::App> app = MakeApp("arkshare-index", "Knows who has which book.");
//   app->add_option("--listen", options.listen, "Where to listen")->capture_default_str();
//   AddDuration(*app, "--lease", options.lease, "After how long a silent peer is gone");
//   if (std::optional<int> exit_code = ParseOptions(*app, argc, argv)) return *exit_code;
#ifndef ARKSHARE_LIB_OPTIONS_OPTIONS_H_
#define ARKSHARE_LIB_OPTIONS_OPTIONS_H_

#include <absl/time/time.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "lib/rpc/credentials.h"

namespace arkshare {

// Exit codes of every program.
inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitNotFound = 3;
inline constexpr int kExitUnreachable = 4;

// An app that knows --help, --version, --log-level and --config FILE (TOML; an unknown key is an
// error).
std::unique_ptr<CLI::App> MakeApp(const std::string& program, const std::string& description);

// These write into the variable when the options are parsed; its value now is the default.
// "10s", "1m30s".
CLI::Option* AddDuration(CLI::App& app, const std::string& name, absl::Duration& variable,
                         const std::string& description);
// "20MiB", "100kB", "0".
CLI::Option* AddByteSize(CLI::App& app, const std::string& name, uint64_t& variable,
                         const std::string& description);
// A check for an option: of digits alone, and `least` or more. CLI11 takes "-1" for a large number.
CLI::Validator WholeNumber(uint64_t least);
// --tls-cert, --tls-key, --tls-ca; RpcServer and MakeChannelCredentials check them.
void AddTlsOptions(CLI::App& app, TlsOptions& variable);

// Parses, with ARKSHARE_NAME in the environment for each option --name of `app` itself, and sets up
// logging to stderr. Nothing when the program shall go on; else the code to exit with, after help,
// the version or an error was printed: 0 or kExitUsage.
std::optional<int> ParseOptions(CLI::App& app, int argc, const char* const* argv);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_OPTIONS_OPTIONS_H_
