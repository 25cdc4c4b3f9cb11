// The bytes of books, to and from the browser of the owner.
#ifndef ARKSHARE_SERVICES_PEER_WEB_PAGE_BOOKS_H_
#define ARKSHARE_SERVICES_PEER_WEB_PAGE_BOOKS_H_

#include <absl/status/status.h>
#include <absl/strings/string_view.h>

#include <memory>
#include <string>
#include <variant>

#include "arkshare/v1/peer.pb.h"
#include "lib/core/clock.h"
#include "lib/http/message.h"
#include "services/peer/library/added_book.h"
#include "services/peer/web/book_tickets.h"

namespace arkshare {

// Thread-safe.
class PageBooks {
 public:
  PageBooks(AddedBook::Parts parts, const Clock* clock) : parts_(parts), tickets_(clock) {}

  // Takes the body of PUT /books/NAME as a book, and answers 201 with what the library has. Nothing
  // is overwritten, and half a body leaves nothing. `name` is the percent-encoded name.
  std::variant<std::unique_ptr<BodySink>, HttpResponse> Add(absl::string_view name,
                                                            const HttpRequest& request);

  // Makes an address for the browser of a session. kBookNotFound, kLimitExceeded, kInvalidName.
  absl::Status Open(const std::string& session, const v1::OpenBookRequest& request,
                    v1::OpenBookResponse* response);
  // Answers GET and HEAD of such an address, also with a range. `ticket` is the part of its path.
  HttpResponse Read(const std::string& ticket, const HttpRequest& request);
  void EndSession(const std::string& session) { tickets_.EndSession(session); }

 private:
  const AddedBook::Parts parts_;
  BookTickets tickets_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_WEB_PAGE_BOOKS_H_
