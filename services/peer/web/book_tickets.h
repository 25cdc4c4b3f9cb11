// Addresses under which a browser reads a book without a token.
#ifndef ARKSHARE_SERVICES_PEER_WEB_BOOK_TICKETS_H_
#define ARKSHARE_SERVICES_PEER_WEB_BOOK_TICKETS_H_

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "services/peer/disk/file_io.h"

namespace arkshare {

// An image or a video in a page cannot send a token, so its address has a secret of its own, for
// one book and for some time. Thread-safe.
class BookTickets {
 public:
  static constexpr size_t kMost = 1'000;  // of all sessions
  // A ticket ends when it was not used for this long.
  static constexpr absl::Duration kLife = absl::Minutes(10);

  explicit BookTickets(const Clock* clock) : clock_(clock) {}

  struct Book {
    std::string path{};       // in the shared folder
    FileIdentity identity{};  // of the file, which must not have changed
    std::string etag{};
    std::string media_type{};
    bool is_inline = false;  // a browser may show it
  };
  // Returns a ticket for a book. kLimitExceeded.
  absl::StatusOr<std::string> Make(const std::string& session, Book book);
  // Returns the book of a ticket, which lives on.
  std::optional<Book> Find(const std::string& ticket);
  void EndSession(const std::string& session);

 private:
  struct Ticket {
    std::string session;
    Book book;
    absl::Time last_use;
  };

  const Clock* const clock_;
  Mutex mutex_;
  std::map<std::string, Ticket> tickets_ ABSL_GUARDED_BY(mutex_);  // by their hashes
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_WEB_BOOK_TICKETS_H_
