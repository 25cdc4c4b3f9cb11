// Writes what peers state on their streams to the log of the replicas.
#ifndef ARKSHARE_SERVICES_INDEX_REPLICA_STATEMENT_WRITER_H_
#define ARKSHARE_SERVICES_INDEX_REPLICA_STATEMENT_WRITER_H_

#include <absl/status/statusor.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "arkshare/replica/records.pb.h"
#include "services/index/catalog/catalog.h"
#include "services/index/replica/roster.h"
#include "services/index/replica/seats.h"
#include "services/index/replica/session_finder.h"
#include "services/index/sessions/sessions.h"
#include "services/index/shared_log/shared_log.h"

namespace arkshare {

// A page of the log for the new statements of each message. Thread-safe, without a lock.
class StatementWriter {
 public:
  // `next_page` numbers the pages and graves of this replica. All must outlive the last answer of
  // the log.
  StatementWriter(Seats* seats, SessionFinder* finder, const Roster* roster, const Catalog* catalog,
                  SharedLog* log, std::atomic<uint64_t>* next_page)
      : seats_(seats),
        finder_(finder),
        roster_(*roster),
        catalog_(*catalog),
        log_(log),
        next_page_(next_page) {}

  // The same as Sessions::Apply.
  void Apply(const std::string& token, uint64_t stream_id, Announcement announcement,
             Sessions::Done<Sessions::Applied> done);

 private:
  // Commits a page, and holds the lease meanwhile. `done` gets the revision; 0: the session has
  // ended.
  void WritePage(const SeatPtr& seat, uint64_t stream_id, replica::PageRecord page,
                 std::function<void(absl::StatusOr<int64_t>)> done);

  Seats* const seats_;
  SessionFinder* const finder_;
  const Roster& roster_;
  const Catalog& catalog_;
  SharedLog* const log_;
  std::atomic<uint64_t>* const next_page_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_REPLICA_STATEMENT_WRITER_H_
