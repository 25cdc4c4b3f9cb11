#include "services/peer/transfer/transfer_rules.h"

#include <optional>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

// The name that the book is to have here.
const std::optional<BookName>& NameAskedFor(const FetchWish& wish) {
  return wish.save_as ? wish.save_as : wish.name;
}

}  // namespace

absl::Status NoSuchTransfer() {
  return MakeError(Reason::kTransferUnknown, "there is no such transfer");
}

absl::Status MayEnd(const TransferView& view) {
  switch (view.record.state) {
    case TransferRecord::State::kIntent:
      return absl::OkStatus();
    case TransferRecord::State::kPrepared:
      return MakeError(Reason::kTransferNotEndable,
                       "the whole book is here, and its source may have given it away already, so "
                       "only the source's answer ends this; if the source is gone for good, take "
                       "the book as a copy with arkshare-cli transfers keep");
    case TransferRecord::State::kOwned:
      return MakeError(Reason::kTransferNotEndable,
                       "the book belongs to this peer already; delete its file if you do not want "
                       "it");
    case TransferRecord::State::kDone:
    case TransferRecord::State::kDropped:
      break;
  }
  return MakeError(Reason::kTransferNotEndable,
                   "the transfer is over; arkshare-cli transfers forget removes it from the list");
}

absl::Status MayForget(const TransferView& view) {
  switch (view.record.state) {
    case TransferRecord::State::kDone:
    case TransferRecord::State::kDropped:
      return absl::OkStatus();
    case TransferRecord::State::kOwned:
      if (!view.HasEnded()) return MayEnd(view);
      return MakeError(Reason::kTransferNotEndable,
                       "the book is here, and the index or its source has not been told yet; the "
                       "peer goes on trying, so forget it later");
    case TransferRecord::State::kIntent:
      return MakeError(Reason::kTransferNotEndable,
                       "the book is still being received; end that first with arkshare-cli "
                       "transfers cancel");
    case TransferRecord::State::kPrepared:
      break;
  }
  return MayEnd(view);
}

bool WaitsForSource(const TransferView& view) {
  return view.record.state == TransferRecord::State::kPrepared && view.record.move;
}

absl::Status MayKeep(const TransferView& view) {
  if (WaitsForSource(view) || view.record.kept) return absl::OkStatus();
  return MakeError(Reason::kTransferNotWaiting,
                   "this transfer does not wait for its source: it is still being received, or "
                   "over; arkshare-cli transfers says which");
}

bool IsInterrupted(const TransferView& view) {
  return view.record.state == TransferRecord::State::kIntent &&
         view.state == TransferView::State::kFailed;
}

bool Answers(const TransferView& view, const FetchWish& wish) {
  const std::optional<BookName>& name = NameAskedFor(wish);
  if (name && view.record.name != *name) return false;
  if (wish.content && view.record.content != *wish.content) return false;
  // The owner who asks for a copy does not want the source to lose its own.
  if (wish.copy_only && view.record.move) return false;
  // After a restart, the number of the peer that it comes from is not known.
  const bool from_another = view.from_peer_id != 0 && view.from_peer_id != wish.from_peer_id;
  if (wish.from_peer_id != 0 && from_another) return false;
  return name || wish.content;
}

bool AsksForName(const TransferView& view, const FetchWish& wish) {
  const std::optional<BookName>& name = NameAskedFor(wish);
  return name && *name == view.record.name && (wish.name || wish.content);
}

}  // namespace arkshare
