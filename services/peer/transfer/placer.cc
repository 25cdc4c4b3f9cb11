#include "services/peer/transfer/placer.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>

#include <optional>

#include "lib/core/book_name.h"
#include "lib/core/log.h"

namespace arkshare {
namespace {

// How long a look at a place counts. A person needs longer to change a folder.
constexpr absl::Duration kTriedFor = absl::Seconds(1);

absl::string_view FolderOfName(const BookName& name) {
  const absl::string_view path = name.value();
  return path.substr(0, path.rfind('/') + 1);
}

}  // namespace

absl::Status Placer::CheckBeforeRelease(Transfer& transfer, Entrance::Checked& checked) {
  const absl::Time now = clock_->Monotonic();
  if (const std::optional<BookName> chosen = board_->ChosenPlace(transfer)) {
    const absl::Status placed = store_->PlacePrepared(transfer.record, *chosen);
    if (placed.ok()) {
      TakeChosen(transfer, *chosen);
      transfer.place_tried = now;
      board_->Update(transfer, [](TransferView& view) { view.message.clear(); });
    }
    board_->AnswerPlace(transfer, placed);
    if (!placed.ok()) return placed;
  }
  if (transfer.release_asked || now - transfer.place_tried < kTriedFor) return absl::OkStatus();
  const absl::Status place = store_->CheckPlace(transfer.record, checked);
  // A full disk only delays the book after its source has given it away.
  if (!place.ok() && !absl::IsResourceExhausted(place)) return place;
  transfer.place_tried = now;
  return absl::OkStatus();
}

absl::Status Placer::Admit(Transfer& transfer) {
  const std::optional<BookName> chosen = board_->ChosenPlace(transfer);
  if (!chosen) return store_->Admit(transfer.record, *transfer.to_admit);
  absl::Status admitted = store_->AdmitAt(transfer.record, *transfer.to_admit, *chosen);
  if (admitted.ok()) {
    TakeChosen(transfer, *chosen);
  } else {
    board_->AnswerPlace(transfer, admitted);
  }
  return admitted;
}

void Placer::TakeChosen(Transfer& transfer, const BookName& name) {
  store_->UnreserveName(transfer.reserved);
  transfer.reserved = name;
  LogInfo("placed", {{"transfer", transfer.record.id}, {"book", name}});
}

void Placer::FinishAdmission(Transfer& transfer, const BookName& name) {
  store_->UnreserveName(transfer.reserved);
  if (name != transfer.reserved) {
    const bool same_folder = FolderOfName(name) == FolderOfName(transfer.reserved);
    absl::StrAppend(&transfer.note, transfer.note.empty() ? "" : "; ", "saved as ",
                    EscapeForDisplay(name.value()), ", because ",
                    EscapeForDisplay(transfer.reserved.value()),
                    same_folder ? " was taken meanwhile" : " cannot be used any more");
  }
}

void Placer::ShowWaiting(const Transfer& transfer, const absl::Status& why) {
  board_->Update(transfer, [&](TransferView& view) {
    view.message = absl::StrCat("waiting: the book cannot enter the folder: ", why.message());
    // Another place on a full disk does not help.
    view.waits_for_place = !absl::IsResourceExhausted(why);
  });
}

}  // namespace arkshare
