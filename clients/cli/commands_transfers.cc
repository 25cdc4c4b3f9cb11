// The commands for transfers and for hidden copies.
#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <string>
#include <vector>

#include "clients/cli/commands.h"
#include "clients/cli/commands_owner.h"
#include "clients/cli/fetch.h"
#include "clients/cli/json.h"
#include "clients/cli/progress.h"
#include "clients/cli/render.h"
#include "lib/core/book_name.h"
#include "lib/core/byte_size.h"
#include "lib/core/content_id.h"
#include "lib/core/errors.h"
#include "lib/rpc/answers.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/status.h"

namespace arkshare {
namespace {

constexpr size_t kMinIdDigits = 6;
constexpr size_t kShownIdDigits = 12;

std::string StateInWords(v1::TransferState state) {
  switch (state) {
    case v1::TRANSFER_STATE_QUEUED:
      return "queued";
    case v1::TRANSFER_STATE_FETCHING:
      return "fetching";
    case v1::TRANSFER_STATE_HANDING_OVER:
      return "handing over";
    case v1::TRANSFER_STATE_DONE:
      return "done";
    case v1::TRANSFER_STATE_FAILED:
      return "failed";
    default:
      return "?";
  }
}

// Returns the only entry whose transfer id begins with these hex digits. For the error messages,
// `what` names an entry, and `shown_by` is the command that shows the ids.
template <typename Entries>
auto FindById(const Entries& entries, absl::string_view digits, absl::string_view what,
              absl::string_view shown_by) -> absl::StatusOr<typename Entries::value_type> {
  const std::string wanted = absl::AsciiStrToLower(digits);
  if (wanted.size() < kMinIdDigits ||
      !std::all_of(wanted.begin(), wanted.end(), absl::ascii_isxdigit)) {
    return MakeError(Reason::kInvalidField, absl::StrCat("an ID must be at least ", kMinIdDigits,
                                                         " hex digits; copy it from ", shown_by));
  }
  std::vector<typename Entries::value_type> matches;
  for (const auto& entry : entries) {
    if (absl::StartsWith(ToHex(entry.transfer_id()), wanted)) matches.push_back(entry);
  }
  if (matches.empty()) {
    return MakeError(Reason::kTransferUnknown, absl::StrCat("no ", what, " has the ID ", wanted,
                                                            "; ", shown_by, " shows them"));
  }
  if (matches.size() > 1) {
    return MakeError(Reason::kAmbiguousName, absl::StrCat(matches.size(), " IDs begin with ",
                                                          wanted, "; give more digits"));
  }
  return matches[0];
}

int RestoreLimbo(Session& session, const std::string& digits) {
  const absl::StatusOr<v1::ListLimboResponse> limbo =
      session.connection.peer().Call(&v1::PeerService::Stub::ListLimbo, v1::ListLimboRequest());
  if (!limbo.ok()) return Report(session, limbo.status());
  const absl::StatusOr<v1::LimboEntry> entry =
      FindById(limbo->entries(), digits, "hidden copy", "arkshare-cli limbo");
  if (!entry.ok()) return Report(session, entry.status());
  v1::RestoreLimboRequest request;
  request.set_transfer_id(entry->transfer_id());
  const absl::StatusOr<v1::RestoreLimboResponse> restored =
      session.connection.peer().Call(&v1::PeerService::Stub::RestoreLimbo, request);
  if (!restored.ok()) return Report(session, restored.status());
  if (session.console.json) {
    session.console.out << ToJson(*restored) << '\n';
    return kExitDone;
  }
  session.console.out << "restored " << EscapeForDisplay(restored->listing().name())
                      << " to the library; the receiver may have a second copy\n";
  return kExitDone;
}

// True when the book is received and its source does not answer whether it gives the book away.
bool WaitsForSource(const v1::Transfer& transfer) {
  return transfer.state() == v1::TRANSFER_STATE_HANDING_OVER && transfer.moving() &&
         absl::StartsWith(transfer.message(), "waiting for the source");
}

absl::StatusOr<v1::Transfer> FindTransfer(Session& session, const std::string& digits) {
  const absl::StatusOr<v1::ListTransfersResponse> transfers = session.connection.peer().Call(
      &v1::PeerService::Stub::ListTransfers, v1::ListTransfersRequest());
  if (!transfers.ok()) return transfers.status();
  return FindById(transfers->transfers(), digits, "transfer", "arkshare-cli transfers");
}

int KeepTransfer(Session& session, const std::string& digits) {
  const absl::StatusOr<v1::Transfer> transfer = FindTransfer(session, digits);
  if (!transfer.ok()) return Report(session, transfer.status());
  v1::KeepTransferRequest request;
  request.set_transfer_id(transfer->transfer_id());
  const absl::StatusOr<v1::KeepTransferResponse> kept =
      session.connection.peer().Call(&v1::PeerService::Stub::KeepTransfer, request, kKeepTimeout);
  if (!kept.ok()) return Report(session, kept.status());
  if (session.console.json) {
    session.console.out << ToJson(*kept) << '\n';
    return kExitDone;
  }
  const std::string name = EscapeForDisplay(kept->listing().name());
  if (kept->moved()) {
    session.console.out << "the source has just answered: " << name
                        << " has moved here, and the source keeps no copy\n";
  } else {
    session.console.out << "kept " << name
                        << " in the library as a copy; the source may have one as well, shared or "
                           "in its limbo\n";
  }
  return kExitDone;
}

int PlaceTransfer(Session& session, const std::string& digits, const std::string& name) {
  const absl::StatusOr<BookName> parsed = BookName::Parse(name);
  if (!parsed.ok()) return Report(session, parsed.status());
  const absl::StatusOr<v1::Transfer> transfer = FindTransfer(session, digits);
  if (!transfer.ok()) return Report(session, transfer.status());
  v1::PlaceTransferRequest request;
  request.set_transfer_id(transfer->transfer_id());
  request.set_name(parsed->value());
  const absl::StatusOr<v1::PlaceTransferResponse> placed =
      session.connection.peer().Call(&v1::PeerService::Stub::PlaceTransfer, request, kKeepTimeout);
  if (!placed.ok()) return Report(session, placed.status());
  if (session.console.json) {
    session.console.out << ToJson(*placed) << '\n';
    return kExitDone;
  }
  session.console.out << "placed " << EscapeForDisplay(transfer->name()) << " as "
                      << EscapeForDisplay(placed->transfer().name()) << '\n';
  return kExitDone;
}

std::string ShownId(const v1::Transfer& transfer) {
  return ToHex(transfer.transfer_id()).substr(0, kShownIdDigits);
}

// Calls `method` with the transfers that have these ids, and reports each result. `done` says what
// has become of a transfer.
template <typename Request, typename Method>
int CallForTransfers(Session& session, const std::vector<std::string>& ids, Method method,
                     absl::string_view done) {
  Console& console = session.console;
  const absl::StatusOr<v1::ListTransfersResponse> transfers = session.connection.peer().Call(
      &v1::PeerService::Stub::ListTransfers, v1::ListTransfersRequest());
  if (!transfers.ok()) return Report(session, transfers.status());
  Request request;
  std::vector<std::string> names;
  for (const std::string& digits : ids) {
    const absl::StatusOr<v1::Transfer> transfer =
        FindById(transfers->transfers(), digits, "transfer", "arkshare-cli transfers");
    if (!transfer.ok()) return Report(session, transfer.status());
    request.add_transfer_ids(transfer->transfer_id());
    names.push_back(transfer->name());
  }
  const auto response = session.connection.peer().Call(method, request, kKeepTimeout);
  if (!response.ok()) return Report(session, response.status());
  if (static_cast<size_t>(response->results_size()) != names.size()) {
    return Report(session, AnswerInvalid("the number of results is not that of the transfers"));
  }
  int worst = kExitDone;
  for (int i = 0; i < response->results_size(); ++i) {
    const auto& result = response->results(i);
    const std::string name = EscapeForDisplay(names[static_cast<size_t>(i)]);
    if (console.json) console.out << ToJson(result) << '\n';
    if (result.has_error()) {
      worst = std::max(worst, Report(session, FromItemError(result.error()), name));
    } else if (!console.json) {
      console.out << done << ' ' << name << '\n';
    }
  }
  return worst;
}

}  // namespace

int RunTransfers(Session& session, const TransfersOptions& options) {
  Console& console = session.console;
  if (!options.keep.empty()) return KeepTransfer(session, options.keep);
  if (!options.place.empty()) {
    return PlaceTransfer(session, options.place, options.place_name);
  }
  if (!options.cancel.empty()) {
    return CallForTransfers<v1::CancelTransfersRequest>(
        session, options.cancel, &v1::PeerService::Stub::CancelTransfers, "cancelled");
  }
  if (!options.forget.empty()) {
    return CallForTransfers<v1::ForgetTransfersRequest>(
        session, options.forget, &v1::PeerService::Stub::ForgetTransfers, "forgotten");
  }
  if (!options.retry.empty()) {
    return CallForTransfers<v1::RetryTransfersRequest>(
        session, options.retry, &v1::PeerService::Stub::RetryTransfers, "going on with");
  }
  if (options.watch) return WatchTransfers(session);
  const absl::StatusOr<v1::ListTransfersResponse> response = session.connection.peer().Call(
      &v1::PeerService::Stub::ListTransfers, v1::ListTransfersRequest());
  if (!response.ok()) return Report(session, response.status());
  if (console.json) {
    for (const v1::Transfer& transfer : response->transfers()) {
      console.out << ToJson(transfer) << '\n';
    }
    return kExitDone;
  }
  if (response->transfers().empty()) {
    console.out << "no transfers since the peer started\n";
    return kExitDone;
  }
  Table table(console.out, {{"ID"},
                            {"BEGUN"},
                            {"STATE"},
                            {"NAME"},
                            {"SIZE", true},
                            {"DONE", true},
                            {"RATE", true},
                            {"FROM", true},
                            {"HOW"},
                            {"NOTE"}});
  const PeerNames& names = session.connection.names().Get();
  for (const v1::Transfer& transfer : response->transfers()) {
    const bool failed = transfer.state() == v1::TRANSFER_STATE_FAILED;
    std::string note = transfer.state() == v1::TRANSFER_STATE_QUEUED ? ProgressInWords(transfer)
                       : failed && transfer.message().empty()        ? transfer.error().message()
                                                                     : transfer.message();
    if (WaitsForSource(transfer)) {
      absl::StrAppend(&note, " (if the source is gone for good: arkshare-cli transfers keep ",
                      ShownId(transfer), ")");
    }
    if (transfer.waits_for_place()) {
      absl::StrAppend(&note, " (to save it elsewhere: arkshare-cli transfers place ",
                      ShownId(transfer), " NAME)");
    }
    table.Add({ShownId(transfer), LocalTime(transfer.start_time()), StateInWords(transfer.state()),
               EscapeForDisplay(transfer.name()), FormatByteSize(transfer.content().size_bytes()),
               FormatByteSize(transfer.bytes_done()),
               transfer.bytes_per_second() == 0
                   ? ""
                   : absl::StrCat(FormatByteSize(transfer.bytes_per_second()), "/s"),
               SourcesInWords(transfer, names), transfer.moving() ? "move" : "copy",
               EscapeForDisplay(note)});
  }
  return kExitDone;
}

int RunLimbo(Session& session, const LimboOptions& options) {
  Console& console = session.console;
  if (!options.restore.empty()) return RestoreLimbo(session, options.restore);
  const absl::StatusOr<v1::ListLimboResponse> response =
      session.connection.peer().Call(&v1::PeerService::Stub::ListLimbo, v1::ListLimboRequest());
  if (!response.ok()) return Report(session, response.status());
  if (console.json) {
    for (const v1::LimboEntry& entry : response->entries()) console.out << ToJson(entry) << '\n';
    return kExitDone;
  }
  if (response->entries().empty()) {
    console.out << "nothing in limbo: all books given away have arrived\n";
    return kExitDone;
  }
  Table table(console.out, {{"ID"}, {"NAME"}, {"SIZE", true}, {"GIVEN AWAY"}, {"TO KEY"}});
  const PeerNames& names = session.connection.names().Get();
  for (const v1::LimboEntry& entry : response->entries()) {
    const std::string name = EscapeForDisplay(names.Find(entry.receiver_public_key()));
    table.Add({ToHex(entry.transfer_id()), EscapeForDisplay(entry.name()),
               FormatByteSize(entry.content().size_bytes()), LocalTime(entry.release_time()),
               absl::StrCat(ToHex(entry.receiver_public_key()).substr(0, 12),
                            name.empty() ? "" : absl::StrCat(" (", name, ")"))});
  }
  return kExitDone;
}

}  // namespace arkshare
