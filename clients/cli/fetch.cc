#include "clients/cli/fetch.h"

#include <absl/strings/str_cat.h>

#include <algorithm>

#include "clients/cli/progress.h"
#include "lib/core/book_name.h"

namespace arkshare {

absl::StatusOr<v1::Transfer> FetchWithProgress(Session& session, const v1::FetchRequest& request,
                                               const std::string& label, bool line_begun) {
  Progress progress(session.console.err, session.console.clock,
                    {.bar = session.console.err_is_terminal,
                     .columns = session.console.columns,
                     .label = label,
                     .line_begun = line_begun});
  return session.connection.peer().Fetch(
      request, [&progress](const v1::Transfer& transfer) { progress.Update(transfer); });
}

std::string NoteOnTransfer(const v1::Transfer& transfer, bool copy_asked, const PeerNames& names) {
  if (!transfer.message().empty()) return EscapeForDisplay(transfer.message());
  if (transfer.moving() || transfer.from_peer_id() == 0) return "";
  return absl::StrCat("peer ", names.Show(transfer.from_peer_id(), transfer.source_public_key()),
                      " keeps its copy", copy_asked ? "" : ": it only lends");
}

std::string SourcesInWords(const v1::Transfer& transfer, const PeerNames& names) {
  constexpr int kMostNamed = 3;
  const std::string source = names.Show(transfer.from_peer_id(), transfer.source_public_key());
  const auto& all = transfer.contributions();
  const auto way = [](const v1::Contribution& from) {
    return from.relayed() ? " (through the relay)" : from.called_back() ? " (called back)" : "";
  };
  if (all.empty() || transfer.moving()) {
    if (transfer.from_peer_id() == 0) return "";
    const auto own = std::find_if(all.begin(), all.end(), [&](const v1::Contribution& from) {
      return from.public_key() == transfer.source_public_key();
    });
    return absl::StrCat(source, own == all.end() ? "" : way(*own));
  }
  std::string words;
  for (int i = 0; i < std::min(all.size(), kMostNamed); ++i) {
    absl::StrAppend(&words, i == 0 ? "" : ", ", names.Show(all[i].peer_id(), all[i].public_key()),
                    way(all[i]));
  }
  if (all.size() > kMostNamed) absl::StrAppend(&words, " and ", all.size() - kMostNamed, " more");
  return words;
}

}  // namespace arkshare
