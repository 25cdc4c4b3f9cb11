#include "clients/cli/commands_owner.h"

#include <absl/container/flat_hash_map.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <algorithm>
#include <utility>

#include "clients/cli/json.h"
#include "clients/cli/progress.h"
#include "clients/cli/render.h"
#include "lib/core/book_name.h"
#include "lib/core/byte_size.h"
#include "lib/core/content_id.h"
#include "lib/core/errors.h"
#include "lib/core/limits.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/status.h"

namespace arkshare {
namespace {

// The first 12 hex digits of a key, and the name of the member that has it.
std::string ShownKey(const std::string& key, const PeerNames& names) {
  if (key.empty()) return "";
  const std::string name = EscapeForDisplay(names.Find(key));
  return absl::StrCat(ToHex(key).substr(0, 12), name.empty() ? "" : absl::StrCat(" (", name, ")"));
}

// --- Uploads ---

std::string UploadInWords(const v1::Upload& upload) {
  switch (upload.state()) {
    case v1::UPLOAD_STATE_WAITING:
      return absl::StrCat("waiting, ", upload.queue_position(), " before it");
    case v1::UPLOAD_STATE_RUNNING:
      return upload.bytes_per_second() == 0
                 ? "running"
                 : absl::StrCat(FormatByteSize(upload.bytes_per_second()), "/s");
    case v1::UPLOAD_STATE_PARKED:
      return "its receiver takes nothing";
    default:
      return "?";
  }
}

// --- The history ---

std::string KindInWords(v1::HistoryKind kind) {
  switch (kind) {
    case v1::HISTORY_KIND_RECEIVED:
      return "received";
    case v1::HISTORY_KIND_COPIED:
      return "copied";
    case v1::HISTORY_KIND_GIVEN:
      return "given";
    case v1::HISTORY_KIND_RESTORED:
      return "restored";
    default:
      return "?";
  }
}

// --- Transfers as they change ---

// Prints lines about transfers. Remembers what it has printed of each.
class TransferPrinter {
 public:
  explicit TransferPrinter(Console& console) : console_(console) {}

  // Returns false when the output cannot be written.
  bool Print(const v1::WatchOwnResponse& message) {
    for (const v1::Transfer& transfer : message.transfers()) {
      if (console_.json) {
        console_.out << ToJson(transfer) << '\n';
      } else {
        PrintInWords(transfer);
      }
    }
    for (const std::string& id : message.transfers_forgotten()) {
      const auto known = lines_.extract(id);
      if (console_.json) {
        console_.out << JsonObject().Add("transfer_forgotten", ToHex(id)).Finish() << '\n';
      } else if (!known.empty()) {
        console_.out << "- " << ToHex(id).substr(0, 12) << " is forgotten\n";
      }
    }
    if (message.snapshot_complete() && !console_.json) {
      console_.out << "watching: " << Count(lines_.size(), "transfer", "transfers")
                   << " so far; Ctrl-C ends\n";
    }
    console_.out << std::flush;
    return console_.out.good();
  }

 private:
  void PrintInWords(const v1::Transfer& transfer) {
    std::string words;
    if (transfer.state() == v1::TRANSFER_STATE_FAILED) {
      words = absl::StrCat(
          "failed: ", transfer.message().empty() ? transfer.error().message() : transfer.message());
    } else if (transfer.state() == v1::TRANSFER_STATE_DONE) {
      words = transfer.moving() ? "moved here" : "copied here";
      if (!transfer.message().empty()) absl::StrAppend(&words, ": ", transfer.message());
    } else {
      words = ProgressInWords(transfer);
    }
    const std::string line =
        absl::StrCat(ToHex(transfer.transfer_id()).substr(0, 12), "  ",
                     EscapeForDisplay(transfer.name()), "  ", EscapeForDisplay(words));
    std::string& last = lines_[transfer.transfer_id()];
    if (last == line) return;
    last = line;
    console_.out << line << '\n';
  }

  Console& console_;
  absl::flat_hash_map<std::string, std::string> lines_;  // by transfer id
};

// --- Wishes ---

absl::StatusOr<v1::AddWishRequest> RequestOf(const WishOptions& options) {
  const int queries = static_cast<int>(!options.words.empty()) +
                      static_cast<int>(!options.name.empty()) +
                      static_cast<int>(!options.root.empty());
  if (queries != 1) {
    return MakeError(Reason::kInvalidField, "wish for words, or --name, or --root with --size");
  }
  if (options.get && options.copy) {
    return MakeError(Reason::kInvalidField, "--get and --copy exclude each other");
  }
  v1::AddWishRequest request;
  if (!options.name.empty()) {
    const absl::StatusOr<BookName> name = BookName::Parse(options.name);
    if (!name.ok()) return name.status();
    request.set_name(name->value());
  } else if (!options.words.empty()) {
    request.set_keywords(absl::StrJoin(options.words, " "));
  } else {
    const absl::StatusOr<std::string> root = FromHex(options.root);
    if (!root.ok() || root->size() != sizeof(Sha256Digest) || !options.size) {
      return MakeError(Reason::kInvalidField,
                       "--root must be 64 hex digits, and --size the bytes of the book");
    }
    request.mutable_content()->set_root(*root);
    request.mutable_content()->set_size_bytes(*options.size);
  }
  request.set_action(options.get    ? v1::WISH_ACTION_ANY
                     : options.copy ? v1::WISH_ACTION_COPY
                                    : v1::WISH_ACTION_TELL);
  request.set_fetch_limit(options.limit);
  return request;
}

std::string QueryInWords(const v1::Wish& wish) {
  switch (wish.query_case()) {
    case v1::Wish::kName:
      return absl::StrCat("name: ", EscapeForDisplay(wish.name()));
    case v1::Wish::kKeywords:
      return EscapeForDisplay(wish.keywords());
    case v1::Wish::kContent:
      return absl::StrCat("root: ", ShortRoot(wish.content()));
    default:
      return "?";
  }
}

std::string ActionInWords(const v1::Wish& wish) {
  switch (wish.action()) {
    case v1::WISH_ACTION_COPY:
      return absl::StrCat("copy ", wish.fetch_limit());
    case v1::WISH_ACTION_ANY:
      return absl::StrCat("get ", wish.fetch_limit());
    default:
      return "tell";
  }
}

int ListWishes(Session& session) {
  Console& console = session.console;
  const absl::StatusOr<v1::ListWishesResponse> response =
      session.connection.peer().Call(&v1::PeerService::Stub::ListWishes, v1::ListWishesRequest());
  if (!response.ok()) return Report(session, response.status());
  if (console.json) {
    for (const v1::Wish& wish : response->wishes()) console.out << ToJson(wish) << '\n';
    return kExitDone;
  }
  if (response->wishes().empty()) {
    console.out << "no wishes; arkshare-cli wish add WORDS makes one\n";
    return kExitDone;
  }
  Table table(console.out, {{"NO", true},
                            {"WISH"},
                            {"THEN"},
                            {"FOUND", true},
                            {"HERE", true},
                            {"LAST FOUND"},
                            {"NOTE"}});
  for (const v1::Wish& wish : response->wishes()) {
    const std::string last =
        wish.found().empty()
            ? ""
            : absl::StrCat(EscapeForDisplay(wish.found(0).name()), " at peer ",
                           wish.found(0).peer_id(), ", ", LocalTime(wish.found(0).time()));
    table.Add({absl::StrCat(wish.wish_id()), QueryInWords(wish), ActionInWords(wish),
               absl::StrCat(wish.found_count()), absl::StrCat(wish.fetched_count()), last,
               EscapeForDisplay(wish.has_last_error() ? wish.last_error().message() : "")});
  }
  return kExitDone;
}

}  // namespace

int RunUploads(Session& session) {
  Console& console = session.console;
  const absl::StatusOr<v1::ListUploadsResponse> response =
      session.connection.peer().Call(&v1::PeerService::Stub::ListUploads, v1::ListUploadsRequest());
  if (!response.ok()) return Report(session, response.status());
  if (console.json) {
    for (const v1::Upload& upload : response->uploads()) console.out << ToJson(upload) << '\n';
    return kExitDone;
  }
  if (response->uploads().empty()) {
    console.out << "no uploads now\n";
    return kExitDone;
  }
  Table table(console.out,
              {{"BEGUN"}, {"NAME"}, {"SIZE", true}, {"SENT", true}, {"STATE"}, {"TO"}});
  const PeerNames& names = session.connection.names().Get();
  for (const v1::Upload& upload : response->uploads()) {
    std::string name = EscapeForDisplay(upload.name());
    if (upload.book_count() > 1) {
      absl::StrAppend(&name, " and ", upload.book_count() - 1, " more");
    }
    const std::string key = ShownKey(upload.receiver_public_key(), names);
    table.Add({LocalTime(upload.start_time()), name, FormatByteSize(upload.range_length()),
               FormatByteSize(upload.bytes_sent()), UploadInWords(upload),
               absl::StrCat(EscapeForDisplay(upload.receiver_address()),
                            key.empty() ? "" : absl::StrCat(" ", key))});
  }
  return kExitDone;
}

int RunHistory(Session& session, const HistoryOptions& options) {
  Console& console = session.console;
  Table table(console.out, {{"WHEN"}, {"HOW"}, {"NAME"}, {"SIZE", true}, {"OTHER PEER"}});
  uint64_t left = options.limit;
  v1::ListHistoryRequest request;
  while (left > 0) {
    request.set_page_size(static_cast<int32_t>(std::min<uint64_t>(left, kMaxItems)));
    const absl::StatusOr<v1::ListHistoryResponse> page =
        session.connection.peer().Call(&v1::PeerService::Stub::ListHistory, request);
    if (!page.ok()) return Report(session, page.status());
    const PeerNames& names = session.connection.names().Get();
    for (const v1::HistoryEntry& entry : page->entries()) {
      if (left == 0) break;
      --left;
      if (console.json) {
        console.out << ToJson(entry) << '\n';
        continue;
      }
      table.Add({entry.has_time() ? LocalTime(entry.time()) : "?", KindInWords(entry.kind()),
                 EscapeForDisplay(entry.name()), FormatByteSize(entry.content().size_bytes()),
                 ShownKey(entry.public_key(), names)});
    }
    if (page->next_page_token().empty()) break;
    request.set_page_token(page->next_page_token());
  }
  if (!console.json && table.row_count() == 0) {
    console.out << "no book has come or gone yet\n";
  }
  return kExitDone;
}

int WatchTransfers(Session& session) {
  Console& console = session.console;
  v1::WatchOwnRequest request;
  request.set_transfers(true);
  TransferPrinter printer(console);
  if (console.out_fd >= 0) session.interrupts.EndWhenClosed(console.out_fd);
  const absl::Status status = session.connection.peer().WatchOwn(
      request, [&](const v1::WatchOwnResponse& message) { return printer.Print(message); });
  if (!console.out.good()) return kExitFailed;
  if (session.interrupts.triggered()) return session.interrupts.exit_code();
  return Report(session, status);
}

int RunWish(Session& session, const WishOptions& options) {
  Console& console = session.console;
  for (const uint64_t id : options.remove) {
    v1::RemoveWishRequest request;
    request.set_wish_id(id);
    const absl::StatusOr<v1::RemoveWishResponse> removed =
        session.connection.peer().Call(&v1::PeerService::Stub::RemoveWish, request);
    if (!removed.ok()) return Report(session, removed.status());
    if (!console.json) console.out << "removed wish " << id << '\n';
  }
  if (!options.remove.empty()) return kExitDone;
  if (!options.add) return ListWishes(session);
  const absl::StatusOr<v1::AddWishRequest> request = RequestOf(options);
  if (!request.ok()) return Report(session, request.status());
  const absl::StatusOr<v1::AddWishResponse> added =
      session.connection.peer().Call(&v1::PeerService::Stub::AddWish, *request);
  if (!added.ok()) return Report(session, added.status());
  if (console.json) {
    console.out << ToJson(added->wish()) << '\n';
  } else {
    console.out << "wish " << added->wish().wish_id() << ": " << QueryInWords(added->wish())
                << '\n';
  }
  return kExitDone;
}

}  // namespace arkshare
