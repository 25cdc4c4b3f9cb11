// The options of all programs. The command line comes first, then the environment, then a TOML
// file, then the default.
//
//   Options options;
//   const std::unique_ptr<CLI::App> app = MakeApp("arkshare-index", "Finds books at live peers.");
//   app->add_option("--listen", options.listen, "Where to listen")->capture_default_str();
//   AddDuration(*app, "--lease", options.lease, "How long a silent peer stays listed");
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

#include "lib/core/exit_code.h"
#include "lib/rpc/tls_options.h"

namespace arkshare {

// Makes an app with --help, --version, --log-level and --config FILE (TOML; an unknown key is an
// error).
std::unique_ptr<CLI::App> MakeApp(const std::string& program, const std::string& description);

// The Add functions write into the variable when the options are parsed. Its current value is the
// default.

// Adds an option such as "10s" or "1m30s", of at least `least`.
CLI::Option* AddDuration(CLI::App& app, const std::string& name, absl::Duration& variable,
                         const std::string& description,
                         absl::Duration least = absl::ZeroDuration());
// Adds an option in bytes, such as "20MiB", "100kB" or "0".
CLI::Option* AddByteSize(CLI::App& app, const std::string& name, uint64_t& variable,
                         const std::string& description);
// Adds --tls-cert, --tls-key and --tls-ca; RpcServer and MakeChannelCredentials check them.
void AddTlsOptions(CLI::App& app, TlsOptions& variable);

// Checks that an option has only digits and is `least` or more. CLI11 itself accepts "-1" as a
// large number.
CLI::Validator WholeNumber(uint64_t least);

// Parses the options and sets up logging to stderr. The environment variable ARKSHARE_NAME sets the
// option --name of `app` itself. Returns nothing when the program must run; otherwise, after it has
// printed help, the version or an error, the exit code: kExitDone or kExitUsage.
std::optional<int> ParseOptions(CLI::App& app, int argc, const char* const* argv);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_OPTIONS_OPTIONS_H_
