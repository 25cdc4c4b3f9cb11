#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include <algorithm>

#include "clients/cli/commands.h"
#include "clients/cli/fetch.h"
#include "clients/cli/json.h"
#include "clients/cli/render.h"
#include "lib/core/book_name.h"
#include "lib/core/byte_size.h"
#include "lib/core/content_id.h"
#include "lib/core/errors.h"
#include "lib/rpc/status.h"

namespace arkshare {
namespace {

using Results = std::vector<v1::SearchResponse::Result>;

constexpr size_t kMinRootDigits = 6;
constexpr size_t kRootDigits = 64;

absl::Status Ambiguous(const std::string& name) {
  return MakeError(Reason::kAmbiguousName,
                   absl::StrCat(EscapeForDisplay(name),
                                " is the name of several books; say which one with --root "
                                "(the first digits will do) or --from PEER"));
}

bool HasRoot(const v1::SearchResponse::Result& result, const std::string& digits) {
  return absl::StartsWith(ToHex(result.content().root()), absl::AsciiStrToLower(digits));
}

// The one content under `name` whose root begins with `digits`.
absl::StatusOr<v1::ContentId> ContentByRoot(Session& session, const std::string& name,
                                            const std::string& digits) {
  absl::StatusOr<Results> found = SearchName(session.connection, name);
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
  if (!options.save_as.empty() && options.names.size() > 1) {
    return MakeError(Reason::kInvalidField, "--as is for one book; get the others on their own");
  }
  if (!options.root.empty() && options.names.size() > 1) {
    return MakeError(Reason::kInvalidField, "--root is for one book; get the others on their own");
  }
  const bool hex = std::all_of(options.root.begin(), options.root.end(), absl::ascii_isxdigit);
  if (!options.root.empty() &&
      (!hex || options.root.size() < kMinRootDigits || options.root.size() > kRootDigits)) {
    return MakeError(Reason::kInvalidField,
                     absl::StrCat("--root is ", kMinRootDigits, " to ", kRootDigits,
                                  " hex digits, as arkshare-cli search shows them"));
  }
  return absl::OkStatus();
}

// In --json, a failure is a transfer too.
void PrintFailure(Session& session, const std::string& name, const absl::Status& status) {
  if (!session.console.json || session.interrupts.triggered()) return;
  v1::Transfer transfer;
  transfer.set_name(name);
  transfer.set_state(v1::TRANSFER_STATE_FAILED);
  transfer.set_message(std::string(status.message()));
  *transfer.mutable_error() = ToItemError(status);
  session.console.out << ToJson(transfer) << '\n' << std::flush;
}

// Says why a book was not got; of an ambiguous name also what it may stand for.
int Fail(Session& session, const std::string& name, const absl::Status& status,
         const GetOptions& options) {
  PrintFailure(session, name, status);
  if (GetReason(status) != Reason::kAmbiguousName) return Report(session, status, name);
  const absl::StatusOr<Results> found = SearchName(session.connection, name);
  const int exit_code = Report(session, Ambiguous(name));
  if (!found.ok()) return exit_code;
  Table table(session.console.err, {{"  ROOT"}, {"SIZE", true}, {"AT"}});
  for (const v1::SearchResponse::Result& result : *found) {
    if (!HasRoot(result, options.root)) continue;
    table.Add(
        {absl::StrCat("  ", ShortRoot(result.content())),
         FormatByteSize(result.content().size_bytes()),
         PeersInWords({result.holders().begin(), result.holders().end()}, result.holder_count())});
  }
  return exit_code;
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
    if (!content.ok()) return Fail(session, name->value(), content.status(), options);
    *request.mutable_content() = *content;
  }
  const absl::StatusOr<v1::Transfer> transfer =
      FetchWithProgress(session, request, EscapeForDisplay(name->value()), /*line_begun=*/false);
  if (session.interrupts.triggered()) {
    console.err << (console.err_is_terminal ? "\n" : "")
                << "the peer goes on with it; arkshare-cli transfers shows how far it is\n";
    return session.interrupts.exit_code();
  }
  if (!transfer.ok()) return Fail(session, name->value(), transfer.status(), options);
  if (console.json) {
    console.out << ToJson(*transfer) << '\n' << std::flush;
    return kDone;
  }
  console.out << "received " << EscapeForDisplay(transfer->name()) << " ("
              << FormatByteSize(transfer->content().size_bytes()) << ")";
  if (transfer->from_peer_id() != 0) console.out << " from peer " << transfer->from_peer_id();
  const std::string note = NoteOnTransfer(*transfer, options.copy_only);
  if (!note.empty()) console.out << " (" << note << ")";
  console.out << '\n' << std::flush;
  return kDone;
}

}  // namespace

int RunGet(Session& session, const GetOptions& options) {
  const absl::Status checked = CheckOptions(options);
  if (!checked.ok()) return Report(session, checked);
  int worst = kDone;
  for (const std::string& name : options.names) {
    worst = std::max(worst, GetOne(session, name, options));
    if (session.interrupts.triggered()) break;
  }
  return worst;
}

}  // namespace arkshare
