#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "clients/cli/commands.h"
#include "clients/cli/fetch.h"
#include "clients/cli/json.h"
#include "clients/cli/progress.h"
#include "clients/cli/render.h"
#include "lib/core/book_name.h"
#include "lib/core/byte_size.h"
#include "lib/core/content_id.h"
#include "lib/core/errors.h"
#include "lib/core/limits.h"
#include "lib/rpc/status.h"

namespace arkshare {
namespace {

using Results = std::vector<v1::SearchResponse::Result>;

constexpr size_t kMinRootDigits = 6;
constexpr size_t kRootDigits = 64;

absl::Status Ambiguous(const std::string& name) {
  return MakeError(Reason::kAmbiguousName,
                   absl::StrCat(EscapeForDisplay(name),
                                " is the name of several books; choose one with --root "
                                "(the first 6 digits are enough) or --from PEER"));
}

bool HasRoot(const v1::SearchResponse::Result& result, const std::string& digits) {
  return absl::StartsWith(ToHex(result.content().root()), absl::AsciiStrToLower(digits));
}

// Returns the only content under `name` whose root begins with `digits`.
absl::StatusOr<v1::ContentId> ContentByRoot(Session& session, const std::string& name,
                                            const std::string& digits) {
  absl::StatusOr<Results> found = SearchName(session.connection.index(), name);
  if (!found.ok()) return found.status();
  Results matches;
  for (v1::SearchResponse::Result& result : *found) {
    if (HasRoot(result, digits)) matches.push_back(std::move(result));
  }
  if (matches.empty()) {
    return MakeError(Reason::kBookNotFound,
                     absl::StrCat("no live peer has a book ", EscapeForDisplay(name),
                                  " whose root begins with ", digits));
  }
  if (matches.size() > 1) return Ambiguous(name);
  return matches[0].content();
}

absl::Status CheckOptions(const GetOptions& options) {
  if (options.all && (options.from_peer_id == 0 || !options.names.empty() ||
                      !options.save_as.empty() || !options.root.empty())) {
    return MakeError(Reason::kInvalidField,
                     "--all gets every book of one peer: add --from PEER, and leave out names, "
                     "--as and --root");
  }
  if (!options.all && options.names.empty()) {
    return MakeError(Reason::kInvalidField,
                     "no books are named; name them, or use --from PEER --all");
  }
  if (!options.save_as.empty() && options.names.size() > 1) {
    return MakeError(Reason::kInvalidField,
                     "--as works for one book only; get the books one by one");
  }
  if (!options.root.empty() && options.names.size() > 1) {
    return MakeError(Reason::kInvalidField,
                     "--root works for one book only; get the books one by one");
  }
  const bool hex = std::all_of(options.root.begin(), options.root.end(), absl::ascii_isxdigit);
  if (!options.root.empty() &&
      (!hex || options.root.size() < kMinRootDigits || options.root.size() > kRootDigits)) {
    return MakeError(Reason::kInvalidField,
                     absl::StrCat("--root must be ", kMinRootDigits, " to ", kRootDigits,
                                  " hex digits; copy them from arkshare-cli search"));
  }
  return absl::OkStatus();
}

// With --json, prints the failure as a transfer in state "failed".
void PrintFailure(Session& session, const std::string& name, const absl::Status& status) {
  if (!session.console.json || session.interrupts.triggered()) return;
  v1::Transfer transfer;
  transfer.set_name(name);
  transfer.set_state(v1::TRANSFER_STATE_FAILED);
  transfer.set_message(std::string(status.message()));
  *transfer.mutable_error() = ToItemError(status);
  session.console.out << ToJson(transfer) << '\n' << std::flush;
}

// Reports why a book was not received. For an ambiguous name, lists the contents it can mean.
int ReportFailure(Session& session, const std::string& name, const absl::Status& status,
                  const GetOptions& options) {
  PrintFailure(session, name, status);
  if (GetReason(status) != Reason::kAmbiguousName) return Report(session, status, name);
  const absl::StatusOr<Results> found = SearchName(session.connection.index(), name);
  const int exit_code = Report(session, Ambiguous(name));
  if (!found.ok()) return exit_code;
  Table table(session.console.err, {{"  ROOT"}, {"SIZE", true}, {"AT"}});
  for (const v1::SearchResponse::Result& result : *found) {
    if (!HasRoot(result, options.root)) continue;
    table.Add({absl::StrCat("  ", ShortRoot(result.content())),
               FormatByteSize(result.content().size_bytes()),
               PeersInWords({result.holders().begin(), result.holders().end()},
                            result.holder_count(), session.connection.names().Get())});
  }
  return exit_code;
}

int ReportInterrupt(Session& session) {
  session.console.err << (session.console.err_is_terminal ? "\n" : "")
                      << "the peer continues the download; arkshare-cli transfers shows progress, "
                         "and arkshare-cli transfers cancel ends it\n";
  return session.interrupts.exit_code();
}

std::string ReceivedInWords(const v1::Transfer& transfer, const GetOptions& options,
                            const PeerNames& names) {
  std::string words = absl::StrCat("received ", EscapeForDisplay(transfer.name()), " (",
                                   FormatByteSize(transfer.content().size_bytes()), ")");
  if (const std::string sources = SourcesInWords(transfer, names); !sources.empty()) {
    const bool several = absl::StrContains(sources, ",");
    absl::StrAppend(&words, several ? " from peers " : " from peer ", sources);
  }
  const std::string note = NoteOnTransfer(transfer, options.copy_only, names);
  if (!note.empty()) absl::StrAppend(&words, " (", note, ")");
  return words;
}

int GetOne(Session& session, const std::string& text, const GetOptions& options) {
  Console& console = session.console;
  const absl::StatusOr<BookName> name = BookName::Parse(text);
  if (!name.ok()) return Report(session, name.status());
  v1::FetchRequest request;
  request.set_name(name->value());
  request.set_from_peer_id(options.from_peer_id);
  request.set_copy_only(options.copy_only);
  if (!options.save_as.empty()) {
    const absl::StatusOr<BookName> save_as = BookName::Parse(options.save_as);
    if (!save_as.ok()) return Report(session, save_as.status());
    request.set_save_as(save_as->value());
  }
  if (!options.root.empty()) {
    const absl::StatusOr<v1::ContentId> content =
        ContentByRoot(session, name->value(), options.root);
    if (!content.ok()) return ReportFailure(session, name->value(), content.status(), options);
    *request.mutable_content() = *content;
  }
  const absl::StatusOr<v1::Transfer> transfer =
      FetchWithProgress(session, request, EscapeForDisplay(name->value()), /*line_begun=*/false);
  if (session.interrupts.triggered()) return ReportInterrupt(session);
  if (!transfer.ok()) return ReportFailure(session, name->value(), transfer.status(), options);
  if (console.json) {
    console.out << ToJson(*transfer) << '\n' << std::flush;
    return kExitDone;
  }
  console.out << ReceivedInWords(*transfer, options, session.connection.names().Get()) << '\n'
              << std::flush;
  return kExitDone;
}

// Gets many books, and reports on each of them and on the total.
class ManyGets {
 public:
  ManyGets(Session& session, const GetOptions& options, std::vector<v1::FetchRequest> wishes)
      : session_(session),
        options_(options),
        wishes_(std::move(wishes)),
        progress_(wishes_.size()) {
    for (size_t i = 0; i < wishes_.size(); ++i) {
      progress_.Note(i, wishes_[i].content().size_bytes(), 0, Now());
    }
  }

  // Returns the worst exit code.
  int Run() {
    int worst = kExitDone;
    {
      Progress shown(session_.console.err, session_.console.clock,
                     {.bar = session_.console.err_is_terminal,
                      .columns = session_.console.columns,
                      .label = "getting"});
      for (size_t first = 0; first < wishes_.size(); first += kMaxItems) {
        v1::FetchManyRequest request;
        const size_t n = std::min<size_t>(kMaxItems, wishes_.size() - first);
        for (size_t i = 0; i < n; ++i) *request.add_wishes() = wishes_[first + i];
        const absl::Status status = session_.connection.peer().FetchMany(
            request, [&](uint32_t index, const v1::Transfer& transfer) {
              if (index >= n) return;
              Update(first + index, transfer);
              shown.Update(progress_.InWords(), progress_.share(), /*last=*/false);
            });
        if (session_.interrupts.triggered()) break;
        if (!status.ok()) {
          worst = std::max(worst, Report(session_, status));
          break;
        }
      }
    }
    if (session_.interrupts.triggered()) return ReportInterrupt(session_);
    for (const auto& [name, why] : failures_) {
      worst = std::max(worst, ReportFailure(session_, name, why, options_));
    }
    if (!session_.console.json) Summarise();
    return worst;
  }

 private:
  absl::Time Now() const { return session_.console.clock->Monotonic(); }

  void Update(size_t index, const v1::Transfer& transfer) {
    progress_.Note(index, transfer.content().size_bytes(), transfer.bytes_done(), Now());
    if (transfer.state() == v1::TRANSFER_STATE_DONE) {
      progress_.NoteEnd(index);
      ++received_;
      bytes_ += transfer.content().size_bytes();
      if (session_.console.json) {
        session_.console.out << ToJson(transfer) << '\n';
      } else if (!transfer.message().empty()) {
        notes_.push_back(ReceivedInWords(transfer, options_, session_.connection.names().Get()));
      }
    } else if (transfer.state() == v1::TRANSFER_STATE_FAILED) {
      progress_.NoteEnd(index);
      const absl::Status why = FromItemError(transfer.error());
      if (options_.all && GetReason(why) == Reason::kAlreadyInLibrary) {
        ++skipped_;
        if (session_.console.json) session_.console.out << ToJson(transfer) << '\n';
      } else {
        failures_.emplace_back(wishes_[index].name(), why);
      }
    }
  }

  void Summarise() {
    std::ostream& out = session_.console.out;
    for (const std::string& note : notes_) out << note << '\n';
    out << "received " << Count(received_, "book", "books") << " (" << FormatByteSize(bytes_)
        << ")";
    if (skipped_ > 0)
      out << "; " << skipped_ << (skipped_ == 1 ? " was" : " were") << " here already";
    if (!failures_.empty()) out << "; " << failures_.size() << " failed";
    out << '\n' << std::flush;
  }

  Session& session_;
  const GetOptions& options_;
  const std::vector<v1::FetchRequest> wishes_;
  ManyProgress progress_;
  uint64_t received_ = 0;
  uint64_t bytes_ = 0;
  uint64_t skipped_ = 0;
  std::vector<std::string> notes_;
  std::vector<std::pair<std::string, absl::Status>> failures_;
};

int GetAll(Session& session, const GetOptions& options) {
  std::vector<v1::FetchRequest> wishes;
  const absl::Status listed = ForEachBook(session.connection.index(), options.from_peer_id,
                                          [&](const v1::Listing& listing) {
                                            v1::FetchRequest& wish = wishes.emplace_back();
                                            wish.set_name(listing.name());
                                            *wish.mutable_content() = listing.content();
                                            wish.set_listing_number(listing.listing_number());
                                            wish.set_from_peer_id(options.from_peer_id);
                                            wish.set_copy_only(options.copy_only);
                                          });
  if (!listed.ok()) return Report(session, listed);
  return ManyGets(session, options, std::move(wishes)).Run();
}

int GetNamed(Session& session, const GetOptions& options) {
  std::vector<v1::FetchRequest> wishes;
  int worst = kExitDone;
  for (const std::string& text : options.names) {
    const absl::StatusOr<BookName> name = BookName::Parse(text);
    if (!name.ok()) {
      worst = std::max(worst, Report(session, name.status()));
      continue;
    }
    v1::FetchRequest& wish = wishes.emplace_back();
    wish.set_name(name->value());
    wish.set_from_peer_id(options.from_peer_id);
    wish.set_copy_only(options.copy_only);
  }
  return std::max(worst, ManyGets(session, options, std::move(wishes)).Run());
}

}  // namespace

int RunGet(Session& session, const GetOptions& options) {
  const absl::Status checked = CheckOptions(options);
  if (!checked.ok()) return Report(session, checked);
  if (options.all) return GetAll(session, options);
  if (options.names.size() == 1) return GetOne(session, options.names[0], options);
  return GetNamed(session, options);
}

}  // namespace arkshare
