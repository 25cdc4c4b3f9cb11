// Indexes with a mistake that the checker has to find.
#ifndef ARKSHARE_TESTS_LINEARIZABLE_MISTAKES_H_
#define ARKSHARE_TESTS_LINEARIZABLE_MISTAKES_H_

#include <memory>
#include <string>

#include "lib/rpc/server.h"
#include "services/index/catalog/catalog.h"
#include "services/index/service/index_service.h"
#include "services/index/sessions/local_sessions.h"

namespace arkshare {

enum class Mistake {
  kAnswersEarly,          // a move is answered first and made later
  kTwoSteps,              // a move is gone at the source before it is there at the receiver
  kKeepsSource,           // a move leaves the source's listing where it is
  kLosesSome,             // some moves are answered and not made
  kAcceptsEndedSessions,  // a session that has ended gets the answer that its move was made
  kSearchesStaleCopy,     // some searches are answered as the one before
  kIgnoresUnregister,     // Unregister is answered and does nothing
};

// Serves on loopback like the real index, except for its mistake.
class MistakenIndex {
 public:
  explicit MistakenIndex(Mistake mistake);

  const std::string& address() const { return server_->address(); }

 private:
  class Service;

  Catalog catalog_;
  LocalSessions sessions_;
  std::unique_ptr<IndexService> service_;
  std::unique_ptr<RpcServer> server_;
};

}  // namespace arkshare

#endif  // ARKSHARE_TESTS_LINEARIZABLE_MISTAKES_H_
