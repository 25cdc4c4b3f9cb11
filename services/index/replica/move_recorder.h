// Records moves at an index that has replicas.
#ifndef ARKSHARE_SERVICES_INDEX_REPLICA_MOVE_RECORDER_H_
#define ARKSHARE_SERVICES_INDEX_REPLICA_MOVE_RECORDER_H_

#include <absl/types/span.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "services/index/catalog/catalog.h"
#include "services/index/replica/session_finder.h"
#include "services/index/sessions/sessions.h"
#include "services/index/shared_log/shared_log.h"

namespace arkshare {

// Each move is one step: the page of the receiver and the grave of the source are in one write.
// Many moves take several writes, one after the other. Thread-safe, without a lock.
class MoveRecorder {
 public:
  // `next_page` numbers the pages and graves of this replica. All must outlive the last answer of
  // the log.
  MoveRecorder(SessionFinder* finder, const Catalog* catalog, SharedLog* log,
               std::atomic<uint64_t>* next_page)
      : finder_(finder), catalog_(*catalog), log_(log), next_page_(next_page) {}

  // The same as Sessions::UpdateOwner.
  void UpdateOwner(const std::string& token, absl::Span<const OwnerChange> changes,
                   Sessions::Done<Sessions::Recorded> done);

 private:
  struct Recording;

  void RecordSome(std::shared_ptr<Recording> recording);
  // Makes the write of as many of the changes that are left as fit; nullopt when none is left.
  std::optional<SharedLog::Write> MakeNext(Recording& recording);

  SessionFinder* const finder_;
  const Catalog& catalog_;
  SharedLog* const log_;
  std::atomic<uint64_t>* const next_page_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_REPLICA_MOVE_RECORDER_H_
