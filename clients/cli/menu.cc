#include "clients/cli/menu.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "clients/cli/commands.h"
#include "clients/cli/fetch.h"
#include "clients/cli/queries.h"
#include "clients/cli/render.h"
#include "lib/core/book_name.h"
#include "lib/core/byte_size.h"
#include "lib/core/errors.h"

namespace arkshare {
namespace {

using Results = std::vector<v1::SearchResponse::Result>;

// A longer list is cut to its beginning and its last names.
constexpr size_t kMaxNamesShown = 500;
constexpr size_t kLastNamesShown = 20;

constexpr char kOperations[] =
    "\n"
    "Operations:\n"
    "1. Query Book\n"
    "2. print library\n"
    "3. QUIT\n";

class Menu {
 public:
  Menu(Session& session, Terminal& terminal, const MenuOptions& options)
      : session_(session), terminal_(terminal), options_(options), out_(session.console.out) {}

  int Run() {
    const absl::Status begun = Begin();
    if (!begun.ok()) return session_.interrupts.triggered() ? Leave() : Report(session_, begun);
    PrintLibrary();
    while (!exit_code_.has_value()) {
      out_ << kOperations;
      const std::optional<std::string> choice = Ask("(Enter choice):");
      if (!choice.has_value()) return Leave();
      Choose(*choice);
      if (session_.interrupts.triggered() && !exit_code_.has_value()) return Leave();
    }
    return *exit_code_;
  }

 private:
  // Waits until the peer is registered or the wait times out. An error only when no peer answers.
  absl::Status Begin() {
    bool said = false;
    for (absl::Duration waited;; waited += options_.poll_interval) {
      const absl::StatusOr<v1::GetStatusResponse> status = session_.connection.peer().Call(
          &v1::PeerService::Stub::GetStatus, v1::GetStatusRequest());
      if (!status.ok()) return status.status();
      peer_ = status->peer_id() == 0
                  ? "the peer"
                  : absl::StrCat("peer ",
                                 PeerWithName(status->peer_id(), status->group().member().name()));
      if (status->online()) {
        out_ << "registered successfully with id " << status->peer_id() << '\n';
        if (!status->trouble().empty()) {
          out_ << "but: " << EscapeForDisplay(status->trouble()) << '\n';
        }
        return absl::OkStatus();
      }
      const bool troubled = !status->trouble().empty();
      if (waited >= (troubled ? options_.trouble_timeout : options_.online_timeout)) {
        out_ << "not registered with the index at " << EscapeForDisplay(status->index_address())
             << ": " << (troubled ? EscapeForDisplay(status->trouble()) : "it does not answer")
             << "\nis arkshare-index running there? Going on offline; the peer registers by itself "
                "as soon as the index answers\n";
        return absl::OkStatus();
      }
      if (!said && waited >= options_.quiet_time) {
        said = true;
        out_ << "registering with the index at " << EscapeForDisplay(status->index_address())
             << " ...\n"
             << std::flush;
      }
      if (!session_.interrupts.SleepFor(options_.poll_interval)) {
        return absl::CancelledError("interrupted");
      }
    }
  }

  // Returns the answer without surrounding spaces; nothing when the user leaves.
  std::optional<std::string> Ask(const std::string& prompt) {
    Terminal::Answer answer = terminal_.Ask(prompt);
    if (answer.kind != Terminal::Kind::kLine) return std::nullopt;
    return std::string(absl::StripAsciiWhitespace(answer.line));
  }

  int Leave() {
    const bool interrupted = session_.interrupts.triggered();
    out_ << "leaving the menu; " << peer_
         << (downloading_ ? " goes on with the download and shares on" : " shares on")
         << " (arkshare-cli quit ends it)\n"
         << std::flush;
    return interrupted ? session_.interrupts.exit_code() : kExitDone;
  }

  void Say(const absl::Status& status) {
    if (!session_.interrupts.triggered()) out_ << Message(status) << '\n';
  }

  void Choose(const std::string& choice) {
    if (choice == "1") {
      QueryBook();
    } else if (choice == "2") {
      PrintLibrary();
    } else if (choice == "3") {
      Quit();
    } else if (choice.empty()) {
      out_ << "nothing chosen; enter 1, 2 or 3\n";
    } else {
      out_ << PythonString(choice) << " is not a choice; enter 1, 2 or 3\n";
    }
  }

  // Prints the names in the order in which the books arrived, the newest last.
  void PrintLibrary() {
    std::vector<std::pair<uint64_t, std::string>> books;
    uint64_t unshared = 0;
    const absl::Status status =
        ForEachLibraryEntry(session_.connection.peer(), [&](const v1::LibraryEntry& entry) {
          if (!entry.unshared_reason().empty()) {
            ++unshared;
            return;
          }
          // A book that is still being hashed is among the newest and has no number yet.
          books.emplace_back(entry.has_listing() ? entry.listing().listing_number() : kNoLimit,
                             entry.name());
        });
    if (!status.ok()) return Say(status);
    std::sort(books.begin(), books.end());
    std::vector<std::string> names;
    for (auto& [number, name] : books) names.push_back(std::move(name));
    if (names.size() > kMaxNamesShown) {
      const std::vector<std::string> first(names.begin(),
                                           names.begin() + (kMaxNamesShown - kLastNamesShown));
      const std::vector<std::string> last(names.end() - kLastNamesShown, names.end());
      std::string shown = PythonList(first);
      shown.pop_back();
      out_ << shown << ", ..., " << PythonList(last).substr(1) << '\n'
           << "(" << names.size() << " books; arkshare-cli ls lists them all)\n";
    } else {
      out_ << PythonList(names) << '\n';
    }
    if (unshared > 0) {
      out_ << "(" << Count(unshared, "other file is", "other files are")
           << " not shared; arkshare-cli ls says why)\n";
    }
  }

  void QueryBook() {
    const std::optional<std::string> text = Ask("enter the book name ");
    if (!text.has_value()) return End();
    if (text->empty()) {
      out_ << "no name entered\n";
      return;
    }
    const absl::StatusOr<BookName> name = BookName::Parse(*text);
    if (!name.ok()) return Say(name.status());
    // Look in the peer's own folder before asking the index.
    v1::ListLibraryRequest own;
    own.set_name(name->value());
    const absl::StatusOr<v1::ListLibraryResponse> library =
        session_.connection.peer().Call(&v1::PeerService::Stub::ListLibrary, own);
    if (!library.ok()) return Say(library.status());
    if (!library->entries().empty()) {
      out_ << "file already in your folder\n";
      const std::string& reason = library->entries(0).unshared_reason();
      if (!reason.empty()) out_ << "(but not shared: " << EscapeForDisplay(reason) << ")\n";
      return;
    }
    const absl::StatusOr<Results> found = SearchName(session_.connection.index(), name->value());
    if (!found.ok()) return Say(found.status());
    Offer(name->value(), *found);
  }

  void SayNotFound(const std::string& name) {
    out_ << "book " << EscapeForDisplay(name) << " not found\n";
  }

  void Offer(const std::string& name, const Results& results) {
    std::vector<v1::Holder> holders;
    uint64_t count = 0;
    for (const v1::SearchResponse::Result& result : results) {
      holders.insert(holders.end(), result.holders().begin(), result.holders().end());
      count +=
          std::max<uint64_t>(result.holder_count(), static_cast<uint64_t>(result.holders_size()));
    }
    if (holders.empty()) return SayNotFound(name);
    std::sort(holders.begin(), holders.end(),
              [](const v1::Holder& a, const v1::Holder& b) { return a.peer_id() < b.peer_id(); });
    out_ << HolderTuples(holders) << '\n';
    if (results.size() > 1) PrintContents(name, results);
    const std::optional<std::string> answer = Ask(absl::StrCat(
        "book found in ", PeersInWords(holders, count, session_.connection.names().Get()),
        " want to download (y for yes) "));
    if (!answer.has_value()) return End();
    if (*answer != "y" && *answer != "Y" && !absl::EqualsIgnoreCase(*answer, "yes")) {
      out_ << "not downloaded\n";
      return;
    }
    v1::FetchRequest request;
    request.set_name(name);
    if (results.size() == 1) {
      *request.mutable_content() = results[0].content();
    } else if (!ChoosePeer(results, request)) {
      return;
    }
    Download(name, request);
  }

  void PrintContents(const std::string& name, const Results& results) {
    out_ << results.size() << " different books have the name " << EscapeForDisplay(name) << ":\n";
    for (size_t i = 0; i < results.size(); ++i) {
      const v1::SearchResponse::Result& result = results[i];
      out_ << "  " << i + 1 << ". " << FormatByteSize(result.content().size_bytes()) << ", root "
           << ShortRoot(result.content()) << ", at "
           << PeersInWords({result.holders().begin(), result.holders().end()},
                           result.holder_count(), session_.connection.names().Get())
           << '\n';
    }
  }

  // Asks for a peer, and puts it and its content into `request`. False when the user named none of
  // the peers.
  bool ChoosePeer(const Results& results, v1::FetchRequest& request) {
    const std::optional<std::string> answer = Ask("from which peer ");
    if (!answer.has_value()) {
      End();
      return false;
    }
    for (const v1::SearchResponse::Result& result : results) {
      for (const v1::Holder& holder : result.holders()) {
        if (absl::StrCat(holder.peer_id()) != *answer) continue;
        *request.mutable_content() = result.content();
        request.set_from_peer_id(holder.peer_id());
        return true;
      }
    }
    out_ << PythonString(*answer) << " is none of these peers; not downloaded\n";
    return false;
  }

  void Download(const std::string& name, const v1::FetchRequest& request) {
    constexpr char kLabel[] = "receiving data...";
    // On a terminal the bar follows the words on the same line.
    const bool same_line = session_.console.out_is_terminal && session_.console.err_is_terminal;
    out_ << kLabel << (same_line ? "" : "\n") << std::flush;
    downloading_ = true;
    const absl::StatusOr<v1::Transfer> transfer = FetchWithProgress(
        session_, request, same_line ? kLabel : EscapeForDisplay(name), same_line);
    if (same_line) out_ << '\n';
    if (session_.interrupts.triggered()) return;
    downloading_ = false;
    if (!transfer.ok()) {
      if (GetReason(transfer.status()) == Reason::kBookNotFound) return SayNotFound(name);
      if (GetReason(transfer.status()) == Reason::kAlreadyInLibrary) {
        out_ << "file already in your folder\n";
        return;
      }
      return Say(transfer.status());
    }
    out_ << "received the data\n";
    const std::string note =
        NoteOnTransfer(*transfer, /*copy_asked=*/false, session_.connection.names().Get());
    if (!note.empty()) out_ << "(" << note << ")\n";
    PrintLibrary();
  }

  void Quit() {
    const absl::StatusOr<v1::ShutdownResponse> response = session_.connection.peer().Call(
        &v1::PeerService::Stub::Shutdown, v1::ShutdownRequest(), kShutdownTimeout);
    if (session_.interrupts.triggered()) return;
    if (!response.ok()) Say(response.status());
    out_ << "--- Connection with Server closed ---\n" << std::flush;
    exit_code_ = ExitCodeOf(session_, response.status());
  }

  // Ends the menu because the input ended at a question.
  void End() { exit_code_ = Leave(); }

  Session& session_;
  Terminal& terminal_;
  const MenuOptions options_;
  std::ostream& out_;
  std::string peer_ = "the peer";  // or "peer 5 (ada)"
  bool downloading_ = false;
  std::optional<int> exit_code_;
};

}  // namespace

int RunMenu(Session& session, Terminal& terminal, const MenuOptions& options) {
  return Menu(session, terminal, options).Run();
}

}  // namespace arkshare
