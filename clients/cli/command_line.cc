#include "clients/cli/command_line.h"

#include <iostream>
#include <utility>
#include <vector>

#include "clients/cli/queries.h"
#include "clients/cli/render.h"
#include "lib/core/book_name.h"
#include "lib/options/options.h"

namespace arkshare {
namespace {

// CLI11 reads "[a,b]" as a list, and takes only as many words after "--" for the command as the
// command requires. This mark before such an argument makes it a plain word: no book name can
// contain it.
constexpr char kMark = '\x1f';

std::vector<std::string> MarkArguments(int argc, const char* const* argv) {
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

// Makes the option remove the mark from its value.
CLI::Option* Unmark(CLI::Option* option) {
  return option->transform(CLI::Validator(
      [](std::string& text) {
        if (!text.empty() && text.front() == kMark) text.erase(0, 1);
        return std::string();
      },
      ""));
}

}  // namespace

CommandLine::CommandLine(std::string default_peer, std::string browser)
    : app_(MakeApp("arkshare-cli",
                   "Controls a peer and queries the index; without a command, runs a menu.")) {
  connection_.peer = std::move(default_peer);
  web_.browser = std::move(browser);
  app_->require_subcommand(0, 1);
  app_->add_option("--peer", connection_.peer, "Control socket of your peer")
      ->type_name("unix:PATH")
      ->capture_default_str();
  app_->add_option("--index", connection_.index, "Address of the index; default: your peer's index")
      ->type_name("HOST:PORT");
  app_->add_flag("--json", json_, "Print one JSON object a line");
  AddTlsOptions(*app_, connection_.tls);
  app_->add_subcommand("menu", "Run the interactive menu (the default)")->fallthrough();

  AddSearch();
  AddBrowse();
  AddCommand(*app_, "peers", "List the live peers", RunPeers);
  AddWatch();
  AddPing();
  AddHealth();

  AddGet();
  AddCommand(*app_, "ls", "List the files in your folder, and why some are not shared", RunLs);
  AddCommand(*app_, "status", "Show your peer's status", RunStatus);
  AddTransfers();
  AddCommand(*app_, "uploads", "List the downloads of other peers from your peer", RunUploads);
  AddHistory();
  AddWish();
  AddShare();
  AddUnshare();
  AddLimits();
  AddLimbo();
  AddTls();
  AddWeb();
  AddCommand(*app_, "quit", "Unregister and end your peer", RunQuit);
}

CommandLine::~CommandLine() = default;

std::optional<int> CommandLine::Parse(int argc, const char* const* argv) {
  const std::vector<std::string> arguments = MarkArguments(argc, argv);
  std::vector<const char*> pointers;
  for (const std::string& argument : arguments) {
    if (!IsUtf8(argument)) {
      std::cerr << "arkshare-cli: " << EscapeForDisplay(argument)
                << " is not UTF-8; write it in UTF-8\n";
      return kExitUsage;
    }
    pointers.push_back(argument.c_str());
  }
  return ParseOptions(*app_, static_cast<int>(pointers.size()), pointers.data());
}

CLI::App* CommandLine::AddCommand(CLI::App& parent, const std::string& name,
                                  const std::string& description, Command command) {
  CLI::App* const added = parent.add_subcommand(name, description);
  added->fallthrough();  // Global options may also follow the command.
  // An inner command (transfers keep) and its outer one both call back: they run the same function.
  added->callback([this, command = std::move(command)] {
    if (!command_) command_ = command;
  });
  return added;
}

void CommandLine::AddSearch() {
  CLI::App* const search =
      AddCommand(*app_, "search", "Find books that live peers share", [this](Session& session) {
        if (search_all_) search_.limit = kNoLimit;
        return RunSearch(session, search_);
      });
  Unmark(
      search->add_option("WORDS", search_.words, "Each matches the start of a word in the name"));
  Unmark(search->add_option("--name", search_.name, "The exact name"));
  search->add_option("--root", search_.root, "The root of the content; requires --size");
  search->add_option("--size", search_.size, "The size of the content in bytes");
  search->add_option("--limit", search_.limit, "The maximum number of results")
      ->check(WholeNumber(1))
      ->capture_default_str();
  search->add_flag("--all", search_all_, "Print all results");
}

void CommandLine::AddBrowse() {
  CLI::App* const browse =
      AddCommand(*app_, "browse", "List the books of one peer",
                 [this](Session& session) { return RunBrowse(session, browse_); });
  browse->add_option("PEER", browse_.peer_id, "The number of the peer")->required();
}

void CommandLine::AddWatch() {
  CLI::App* const watch =
      AddCommand(*app_, "watch", "Print every change in the index until Ctrl-C",
                 [this](Session& session) { return RunWatch(session, watch_); });
  CLI::Option* const words = Unmark(
      watch->add_option("WORDS", watch_.words, "Only changes of books whose names match these"));
  Unmark(watch->add_option("--name", watch_.name, "Only changes of books with this exact name"))
      ->excludes(words);
}

void CommandLine::AddPing() {
  CLI::App* const ping =
      AddCommand(*app_, "ping", "Measure the round trip to peers and verify their keys",
                 [this](Session& session) { return RunPing(session, ping_); });
  ping->add_option("PEER", ping_.peer_ids, "The numbers of the peers")->required();
  ping->add_option("--count", ping_.count, "The number of pings to each peer")
      ->check(WholeNumber(1))
      ->capture_default_str();
  AddDuration(*ping, "--interval", ping_.interval, "The time between two pings");
}

void CommandLine::AddHealth() {
  CLI::App* const health =
      AddCommand(*app_, "health", "Ask servers whether they serve (grpc.health.v1)",
                 [this](Session& session) { return RunHealth(session, health_); });
  health->add_option("ADDRESS", health_.addresses, "HOST:PORT or unix:PATH")->required();
}

void CommandLine::AddGet() {
  CLI::App* const get =
      AddCommand(*app_, "get", "Get books; each source decides whether a book is moved or copied",
                 [this](Session& session) { return RunGet(session, get_); });
  Unmark(get->add_option("NAME", get_.names, "The names of the books"));
  get->add_option("--from", get_.from_peer_id, "The number of the peer to get them from");
  get->add_flag("--all", get_.all, "Get every book that the peer of --from lists");
  get->add_option("--root", get_.root,
                  "The first 6 or more hex digits of the root: choose between books of one name");
  Unmark(get->add_option("--as", get_.save_as, "Save the book under this name"));
  get->add_flag("--copy", get_.copy_only, "Copy only; never take the book from its source");
}

void CommandLine::AddTransfers() {
  const auto run = [this](Session& session) { return RunTransfers(session, transfers_); };
  CLI::App* const transfers =
      AddCommand(*app_, "transfers", "List current and past transfers", run);
  transfers->require_subcommand(0, 1);
  transfers->add_flag("--watch", transfers_.watch, "Print every change until Ctrl-C");
  CLI::App* const keep = AddCommand(
      *transfers, "keep",
      "Keep a received book whose source is gone for good; the source may have a copy too", run);
  keep->add_option("ID", transfers_.keep, "The ID that transfers shows")->required();
  CLI::App* const place =
      AddCommand(*transfers, "place",
                 "Save a received book that cannot enter your folder under another name", run);
  place->add_option("ID", transfers_.place, "The ID that transfers shows")->required();
  Unmark(place->add_option("NAME", transfers_.place_name, "Its new name in your folder"))
      ->required();
  CLI::App* const cancel = AddCommand(
      *transfers, "cancel", "End downloads for good, and remove what has been received", run);
  cancel->add_option("ID", transfers_.cancel, "The IDs that transfers shows")->required();
  CLI::App* const forget = AddCommand(
      *transfers, "forget",
      "Remove ended and failed transfers from the list, with what they keep on the disk", run);
  forget->add_option("ID", transfers_.forget, "The IDs that transfers shows")->required();
  CLI::App* const retry = AddCommand(
      *transfers, "retry", "Go on with transfers that failed, or that wait for another try", run);
  retry->add_option("ID", transfers_.retry, "The IDs that transfers shows")->required();
}

void CommandLine::AddHistory() {
  CLI::App* const history =
      AddCommand(*app_, "history", "List the books that came and went, newest first",
                 [this](Session& session) {
                   if (history_all_) history_.limit = kNoLimit;
                   return RunHistory(session, history_);
                 });
  history->add_option("--limit", history_.limit, "The maximum number of books")
      ->check(WholeNumber(1))
      ->capture_default_str();
  history->add_flag("--all", history_all_, "List all of them");
}

void CommandLine::AddWish() {
  const auto run = [this](Session& session) { return RunWish(session, wish_); };
  CLI::App* const wish =
      AddCommand(*app_, "wish", "List the books that your peer watches for", run);
  wish->require_subcommand(0, 1);
  CLI::App* const add =
      AddCommand(*wish, "add", "Watch for a book that no peer may have yet, also after restarts",
                 [this](Session& session) {
                   wish_.add = true;
                   return RunWish(session, wish_);
                 });
  Unmark(add->add_option("WORDS", wish_.words, "Each matches the start of a word in the name"));
  Unmark(add->add_option("--name", wish_.name, "The exact name"));
  add->add_option("--root", wish_.root, "The root of the content; requires --size");
  add->add_option("--size", wish_.size, "The size of the content in bytes");
  add->add_flag("--get", wish_.get,
                "Get what is found; each source decides whether a book is moved or copied");
  add->add_flag("--copy", wish_.copy, "Get copies of what is found");
  add->add_option("--limit", wish_.limit, "The maximum number of books to get")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  AddCommand(*wish, "list", "List the wishes and what they have found", run);
  CLI::App* const remove = AddCommand(*wish, "remove", "Forget wishes", run);
  remove->add_option("NO", wish_.remove, "The numbers that wish list shows")->required();
}

void CommandLine::AddShare() {
  CLI::App* const share =
      AddCommand(*app_, "share", "Put files and folders into your folder",
                 [this](Session& session) { return RunShare(session, share_); });
  Unmark(share->add_option("PATH", share_.paths, "Files and folders on this machine"))->required();
}

void CommandLine::AddUnshare() {
  CLI::App* const unshare =
      AddCommand(*app_, "unshare", "Stop listing books or folders; keep the files",
                 [this](Session& session) { return RunUnshare(session, unshare_); });
  Unmark(unshare->add_option("NAME", unshare_.names, "The names of the books or folders"))
      ->required();
}

void CommandLine::AddLimits() {
  CLI::App* const limits = app_->add_subcommand("limits", "Show or change the limits of your peer");
  limits->fallthrough();
  CLI::Option* const upload = AddByteSize(*limits, "--upload", upload_limit_,
                                          "Bytes a second, such as 20MiB/s; 0: unlimited");
  CLI::Option* const download = AddByteSize(*limits, "--download", download_limit_,
                                            "Bytes a second, such as 20MiB/s; 0: unlimited");
  // There is no default: a limit that is not given stays as it is.
  for (CLI::Option* const limit : {upload, download}) limit->default_str("");
  limits->callback([this, upload, download] {
    command_ = [this, upload, download](Session& session) {
      LimitsOptions options;
      if (upload->count() > 0) options.upload = upload_limit_;
      if (download->count() > 0) options.download = download_limit_;
      return RunLimits(session, options);
    };
  });
}

void CommandLine::AddLimbo() {
  const auto run = [this](Session& session) { return RunLimbo(session, limbo_); };
  CLI::App* const limbo =
      AddCommand(*app_, "limbo", "List books given away but not yet confirmed", run);
  limbo->require_subcommand(0, 1);
  CLI::App* const restore =
      AddCommand(*limbo, "restore",
                 "Restore a hidden copy to your library; the receiver may have one too", run);
  restore->add_option("ID", limbo_.restore, "The ID that limbo shows")->required();
}

void CommandLine::AddTls() {
  CLI::App* const tls =
      AddCommand(*app_, "tls", "Write the TLS files of your peer, for grpcurl and other programs",
                 [this](Session& session) { return RunTls(session, tls_export_); });
  Unmark(tls->add_option("DIR", tls_export_.folder, "The folder for cert.pem, key.pem and ca.pem"))
      ->required();
}

void CommandLine::AddWeb() {
  CLI::App* const web =
      AddCommand(*app_, "web", "Open your peer's web page in a browser, and print its address",
                 [this](Session& session) { return RunWeb(session, web_); });
  CLI::Option* const print = web->add_flag("--print", web_.print, "Only print the address");
  web->add_flag("--close", web_.close, "Close the page, and sign out all browsers")
      ->excludes(print);
}

}  // namespace arkshare
