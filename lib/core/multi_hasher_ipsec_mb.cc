#include <intel-ipsec-mb.h>

#include <utility>
#include <vector>

#include "lib/core/multi_hasher.h"
#include "lib/core/mutex.h"

namespace arkshare {
namespace {

struct FreeManager {
  void operator()(IMB_MGR* manager) const { free_mb_mgr(manager); }
};
using Manager = std::unique_ptr<IMB_MGR, FreeManager>;

// Reuses managers of ended threads, because making one takes longer than hashing a small book.
class IdleManagers {
 public:
  Manager Take() {
    MutexLock lock(&mutex_);
    if (idle_.empty()) return nullptr;
    Manager manager = std::move(idle_.back());
    idle_.pop_back();
    return manager;
  }
  void Give(Manager manager) {
    MutexLock lock(&mutex_);
    idle_.push_back(std::move(manager));
  }

 private:
  Mutex mutex_;
  std::vector<Manager> idle_ ABSL_GUARDED_BY(mutex_);
};

// Never destroyed: threads can end after main.
IdleManagers& Idle() {
  static auto& idle = *new IdleManagers;
  return idle;
}

}  // namespace

struct MultiHasher::State {
  Manager manager;
};

MultiHasher::MultiHasher(std::unique_ptr<State> state) : state_(std::move(state)) {}

MultiHasher::~MultiHasher() { Idle().Give(std::move(state_->manager)); }

std::unique_ptr<MultiHasher> MultiHasher::Create() {
  Manager manager = Idle().Take();
  if (manager == nullptr) {
    manager.reset(alloc_mb_mgr(0));
    if (manager == nullptr) return nullptr;
    IMB_ARCH arch = IMB_ARCH_NONE;
    init_mb_mgr_auto(manager.get(), &arch);
    if (arch == IMB_ARCH_NONE || imb_get_errno(manager.get()) != 0) return nullptr;
  }
  return std::unique_ptr<MultiHasher>(
      new MultiHasher(std::make_unique<State>(State{std::move(manager)})));
}

bool MultiHasher::HashBlocks(absl::Span<const uint8_t> data, size_t block_bytes,
                             absl::Span<Sha256Digest> digests) {
  IMB_MGR* const manager = state_->manager.get();
  size_t completed = 0;
  const auto take = [&](const IMB_JOB* job) {
    if (job != nullptr && job->status == IMB_STATUS_COMPLETED) ++completed;
  };
  for (size_t i = 0; i < digests.size(); ++i) {
    IMB_JOB* const job = IMB_GET_NEXT_JOB(manager);
    job->cipher_mode = IMB_CIPHER_NULL;
    job->cipher_direction = IMB_DIR_ENCRYPT;
    job->chain_order = IMB_ORDER_HASH_CIPHER;
    job->hash_alg = IMB_AUTH_SHA_256;
    job->src = data.data() + i * block_bytes;
    job->hash_start_src_offset_in_bytes = 0;
    job->msg_len_to_hash_in_bytes = block_bytes;
    job->auth_tag_output = digests[i].data();
    job->auth_tag_output_len_in_bytes = sizeof(Sha256Digest);
    take(IMB_SUBMIT_JOB(manager));
  }
  while (const IMB_JOB* job = IMB_FLUSH_JOB(manager)) take(job);
  return completed == digests.size();
}

}  // namespace arkshare
