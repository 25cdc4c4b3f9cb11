#include "services/peer/web/book_tickets.h"

#include <absl/strings/escaping.h>

#include <utility>

#include "lib/core/bytes.h"
#include "lib/core/errors.h"
#include "lib/core/hasher.h"
#include "lib/core/key.h"

namespace arkshare {
namespace {

constexpr size_t kTicketBytes = 16;

std::string TicketHash(absl::string_view ticket) {
  const Sha256Digest digest = Hasher::ForThisThread().Hash(AsBytes(ticket));
  return std::string(digest.begin(), digest.end());
}

}  // namespace

absl::StatusOr<std::string> BookTickets::Make(const std::string& session, Book book) {
  const std::string ticket = absl::WebSafeBase64Escape(RandomBytes(kTicketBytes));
  MutexLock lock(&mutex_);
  const absl::Time now = clock_->Monotonic();
  if (tickets_.size() >= kMost) {
    std::erase_if(tickets_, [now](const auto& t) { return t.second.last_use + kLife <= now; });
  }
  if (tickets_.size() >= kMost) {
    return MakeError(Reason::kLimitExceeded, "the page has too many books open; close some", {},
                     absl::Minutes(1));
  }
  tickets_[TicketHash(ticket)] = {session, std::move(book), now};
  return ticket;
}

std::optional<BookTickets::Book> BookTickets::Find(const std::string& ticket) {
  MutexLock lock(&mutex_);
  const auto found = tickets_.find(TicketHash(ticket));
  if (found == tickets_.end()) return std::nullopt;
  const absl::Time now = clock_->Monotonic();
  if (found->second.last_use + kLife <= now) {
    tickets_.erase(found);
    return std::nullopt;
  }
  found->second.last_use = now;
  return found->second.book;
}

void BookTickets::EndSession(const std::string& session) {
  MutexLock lock(&mutex_);
  std::erase_if(tickets_, [&](const auto& ticket) { return ticket.second.session == session; });
}

}  // namespace arkshare
