// The command line of arkshare-cli: global options, and a command or none.
#ifndef ARKSHARE_CLIENTS_CLI_COMMAND_LINE_H_
#define ARKSHARE_CLIENTS_CLI_COMMAND_LINE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "clients/cli/commands.h"
#include "clients/cli/commands_owner.h"
#include "clients/cli/connection.h"
#include "clients/cli/session.h"

namespace CLI {
class App;
}  // namespace CLI

namespace arkshare {

// Parses the command line. Not thread-safe.
class CommandLine {
 public:
  // Runs the command that the user gave. Returns the program's exit code.
  using Command = std::function<int(Session&)>;

  // `default_peer`: the control socket to use without --peer. `browser`: see WebOptions.
  explicit CommandLine(std::string default_peer, std::string browser = "");
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  // Parses. Call once. Returns the exit code when the program must end now: after it has printed
  // help, the version or an error. Otherwise the accessors below are set.
  std::optional<int> Parse(int argc, const char* const* argv);

  const ConnectionOptions& connection() const { return connection_; }
  bool json() const { return json_; }
  // Empty: run the menu. Valid while this object lives.
  const Command& command() const { return command_; }

 private:
  CLI::App* AddCommand(CLI::App& parent, const std::string& name, const std::string& description,
                       Command command);
  void AddSearch();
  void AddBrowse();
  void AddWatch();
  void AddPing();
  void AddHealth();
  void AddGet();
  void AddTransfers();
  void AddHistory();
  void AddWish();
  void AddShare();
  void AddUnshare();
  void AddLimits();
  void AddLimbo();
  void AddTls();
  void AddWeb();

  const std::unique_ptr<CLI::App> app_;
  ConnectionOptions connection_;
  bool json_ = false;
  Command command_;

  SearchOptions search_;
  bool search_all_ = false;
  BrowseOptions browse_;
  WatchOptions watch_;
  PingOptions ping_;
  HealthOptions health_;
  GetOptions get_;
  TransfersOptions transfers_;
  HistoryOptions history_;
  bool history_all_ = false;
  WishOptions wish_;
  ShareOptions share_;
  UnshareOptions unshare_;
  uint64_t upload_limit_ = 0;    // bytes a second
  uint64_t download_limit_ = 0;  // bytes a second
  LimboOptions limbo_;
  TlsExportOptions tls_export_;
  WebOptions web_;
};

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_COMMAND_LINE_H_
