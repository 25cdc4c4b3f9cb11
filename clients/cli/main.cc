// arkshare-cli: drives a peer and asks the index. Options only; commands.h and menu.h do the work.
#include <absl/strings/str_cat.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "clients/cli/commands.h"
#include "clients/cli/menu.h"
#include "clients/cli/render.h"
#include "lib/core/book_name.h"
#include "lib/options/options.h"
#include "lib/rpc/targets.h"

namespace arkshare {
namespace {

// What the command line says.
struct Program {
  ConnectionOptions connection;
  bool json = false;
  // The command; the menu when there is none.
  std::function<int(Session&)> run;

  SearchOptions search;
  bool search_all = false;
  GetOptions get;
  BrowseOptions browse;
  ShareOptions share;
  UnshareOptions unshare;
  WatchOptions watch;
  PingOptions ping;
  HealthOptions health;
  LimboOptions limbo;
  TransfersOptions transfers;
  uint64_t upload_limit = 0;
  uint64_t download_limit = 0;
};

// CLI11 takes "[a,b]" for a list, and what stands behind "--" for the command's only until it has
// enough. A mark before such arguments, which no book's name can have, makes them plain words.
constexpr char kMark = '\x1f';

std::vector<std::string> MarkArguments(int argc, char** argv) {
  std::vector<std::string> arguments;
  bool only_words = false;
  for (std::string argument : std::vector<std::string>(argv, argv + argc)) {
    if (argument == "--" && !only_words) {
      only_words = true;
      continue;
    }
    const bool is_list = argument.size() >= 2 && argument.front() == '[' && argument.back() == ']';
    if (is_list || (only_words && !argument.empty() && argument.front() == '-')) {
      argument.insert(argument.begin(), kMark);
    }
    arguments.push_back(std::move(argument));
  }
  return arguments;
}

CLI::Option* Unmarked(CLI::Option* option) {
  return option->transform(CLI::Validator(
      [](std::string& text) {
        if (!text.empty() && text.front() == kMark) text.erase(0, 1);
        return std::string();
      },
      ""));
}

CLI::App* AddCommand(CLI::App& app, const std::string& name, const std::string& description,
                     Program& program, std::function<int(Session&)> run) {
  CLI::App* const command = app.add_subcommand(name, description);
  command->fallthrough();  // Options of the program may stand behind the command too.
  command->callback([&program, run = std::move(run)] {
    if (!program.run) program.run = run;
  });
  return command;
}

void AddIndexCommands(CLI::App& app, Program& program) {
  CLI::App* const search =
      AddCommand(app, "search", "Find books that live peers have", program, [&](Session& session) {
        if (program.search_all) program.search.limit = kNoLimit;
        return RunSearch(session, program.search);
      });
  Unmarked(search->add_option("WORDS", program.search.words,
                              "Each the beginning of a word of the name"));
  Unmarked(search->add_option("--name", program.search.name, "Exactly this name"));
  search->add_option("--root", program.search.root, "The content with this root; with --size");
  search->add_option("--size", program.search.size, "Of the content, in bytes");
  search->add_option("--limit", program.search.limit, "How many results at most")
      ->check(WholeNumber(1))
      ->capture_default_str();
  search->add_flag("--all", program.search_all, "All results");

  CLI::App* const browse =
      AddCommand(app, "browse", "List the books of one peer", program,
                 [&](Session& session) { return RunBrowse(session, program.browse); });
  browse->add_option("PEER", program.browse.peer_id, "Its number")->required();

  AddCommand(app, "peers", "List the live peers", program, RunPeers);

  CLI::App* const watch =
      AddCommand(app, "watch", "Print every change until Ctrl-C", program,
                 [&](Session& session) { return RunWatch(session, program.watch); });
  CLI::Option* const words =
      Unmarked(watch->add_option("WORDS", program.watch.words, "Only of books that have them"));
  Unmarked(watch->add_option("--name", program.watch.name, "Only of books of this name"))
      ->excludes(words);

  CLI::App* const ping =
      AddCommand(app, "ping", "Measure the round trip to peers and verify who answers", program,
                 [&](Session& session) { return RunPing(session, program.ping); });
  ping->add_option("PEER", program.ping.peer_ids, "Their numbers")->required();
  ping->add_option("--count", program.ping.count, "How many times")
      ->check(WholeNumber(1))
      ->capture_default_str();
  AddDuration(*ping, "--interval", program.ping.interval, "Between two of them");

  CLI::App* const health =
      AddCommand(app, "health", "Ask servers whether they serve (grpc.health.v1)", program,
                 [&](Session& session) { return RunHealth(session, program.health); });
  health->add_option("ADDRESS", program.health.addresses, "HOST:PORT or unix:PATH")->required();
}

void AddPeerCommands(CLI::App& app, Program& program) {
  CLI::App* const get = AddCommand(app, "get", "Get books by the rules of their sources", program,
                                   [&](Session& session) { return RunGet(session, program.get); });
  Unmarked(get->add_option("NAME", program.get.names, "Of the books"));
  get->add_option("--from", program.get.from_peer_id, "From this peer (its number)");
  get->add_flag("--all", program.get.all, "Everything that the peer of --from lists");
  get->add_option("--root", program.get.root, "The one whose root begins with these hex digits");
  Unmarked(get->add_option("--as", program.get.save_as, "The name that it gets here"));
  get->add_flag("--copy", program.get.copy_only, "Never take it away from its source");

  AddCommand(app, "ls", "List your folder, and what is not shared", program, RunLs);
  AddCommand(app, "status", "Show how your peer is", program, RunStatus);

  CLI::App* const transfers =
      AddCommand(app, "transfers", "List what is and was transferred", program,
                 [&](Session& session) { return RunTransfers(session, program.transfers); });
  transfers->require_subcommand(0, 1);
  CLI::App* const keep = AddCommand(
      *transfers, "keep",
      "Keep a received book as a copy when its source is gone for good; a second one may exist",
      program, [&](Session& session) { return RunTransfers(session, program.transfers); });
  keep->add_option("ID", program.transfers.keep, "As transfers shows it")->required();

  CLI::App* const share =
      AddCommand(app, "share", "Put files and folders into your folder", program,
                 [&](Session& session) { return RunShare(session, program.share); });
  Unmarked(share->add_option("PATH", program.share.paths, "Of this machine"))->required();

  CLI::App* const unshare =
      AddCommand(app, "unshare", "List books no more; the files stay", program,
                 [&](Session& session) { return RunUnshare(session, program.unshare); });
  Unmarked(unshare->add_option("NAME", program.unshare.names, "Of the books"))->required();

  CLI::App* const limits = app.add_subcommand("limits", "Show or change the limits of your peer");
  limits->fallthrough();
  CLI::Option* const upload =
      AddByteSize(*limits, "--upload", program.upload_limit, "Bytes a second, as 20MiB/s; 0: none");
  CLI::Option* const download = AddByteSize(*limits, "--download", program.download_limit,
                                            "Bytes a second, as 20MiB/s; 0: none");
  // Without them nothing changes.
  for (CLI::Option* const limit : {upload, download}) limit->default_str("");
  limits->callback([&program, upload, download] {
    program.run = [&program, upload, download](Session& session) {
      LimitsOptions options;
      if (upload->count() > 0) options.upload = program.upload_limit;
      if (download->count() > 0) options.download = program.download_limit;
      return RunLimits(session, options);
    };
  });

  CLI::App* const limbo =
      AddCommand(app, "limbo", "List books given away that were not confirmed", program,
                 [&](Session& session) { return RunLimbo(session, program.limbo); });
  limbo->require_subcommand(0, 1);
  CLI::App* const restore =
      AddCommand(*limbo, "restore", "Take a hidden copy back; a second one may exist", program,
                 [&](Session& session) { return RunLimbo(session, program.limbo); });
  restore->add_option("ID", program.limbo.restore, "As limbo shows it")->required();

  AddCommand(app, "quit", "Unregister and end your peer", program, RunQuit);
}

int TerminalColumns() {
  winsize size = {};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

int RunProgram(Program& program) {
  Interrupts interrupts;
  interrupts.CatchSignals();
  const absl::StatusOr<std::unique_ptr<Connection>> connection =
      Connection::Open(program.connection, &interrupts);
  if (!connection.ok()) {
    std::cerr << "arkshare-cli: " << Message(connection.status()) << '\n';
    return kUsage;
  }
  Session session{.connection = **connection,
                  .interrupts = interrupts,
                  .console = {.out = std::cout,
                              .err = std::cerr,
                              .json = program.json,
                              .out_is_terminal = isatty(STDOUT_FILENO) != 0,
                              .err_is_terminal = isatty(STDERR_FILENO) != 0,
                              .columns = TerminalColumns()}};
  if (session.console.err_is_terminal) {
    (*connection)->OnSlowCall([](const std::string& who) {
      std::cerr << absl::StrCat("waiting for ", EscapeForDisplay(who), " …\n") << std::flush;
    });
  }
  int exit_code = kDone;
  if (program.run) {
    exit_code = program.run(session);
  } else if (program.json) {
    std::cerr << "arkshare-cli: the menu is for people and has no --json; name a command\n";
    return kUsage;
  } else {
    const std::unique_ptr<Terminal> terminal = Terminal::Standard(std::cout, &interrupts);
    exit_code = RunMenu(session, *terminal);
  }
  std::cout << std::flush;
  if (!std::cout.good()) {
    std::cerr << "arkshare-cli: the output could not be written\n";
    return std::max<int>(exit_code, kFailed);
  }
  return exit_code;
}

int Main(int argc, char** argv) {
  // What gRPC says on its own account is not for people.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  const std::vector<std::string> arguments = MarkArguments(argc, argv);
  std::vector<const char*> pointers;
  for (const std::string& argument : arguments) {
    if (!IsUtf8(argument)) {
      std::cerr << "arkshare-cli: " << EscapeForDisplay(argument) << " is not UTF-8\n";
      return kUsage;
    }
    pointers.push_back(argument.c_str());
  }
  Program program;
  program.connection.peer = DefaultControlSocket(std::getenv("XDG_RUNTIME_DIR"));
  const std::unique_ptr<CLI::App> app =
      MakeApp("arkshare-cli", "Drives a peer and asks the index; without a command, by a menu.");
  app->require_subcommand(0, 1);
  app->add_option("--peer", program.connection.peer, "The control socket of your peer")
      ->type_name("unix:PATH")
      ->capture_default_str();
  app->add_option("--index", program.connection.index, "The index; default: your peer's")
      ->type_name("HOST:PORT");
  app->add_flag("--json", program.json, "Print one JSON object a line");
  AddTlsOptions(*app, program.connection.tls);
  app->add_subcommand("menu", "Ask and answer (the default)")->fallthrough();
  AddIndexCommands(*app, program);
  AddPeerCommands(*app, program);
  if (const std::optional<int> exit_code =
          ParseOptions(*app, static_cast<int>(pointers.size()), pointers.data())) {
    return *exit_code;
  }
  return RunProgram(program);
}

}  // namespace
}  // namespace arkshare

int main(int argc, char** argv) { return arkshare::Main(argc, argv); }
