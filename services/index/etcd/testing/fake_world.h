// The worlds of the tests of SharedLog: replicas over a FakeEtcd.
#ifndef ARKSHARE_SERVICES_INDEX_ETCD_TESTING_FAKE_WORLD_H_
#define ARKSHARE_SERVICES_INDEX_ETCD_TESTING_FAKE_WORLD_H_

#include <absl/time/time.h>

#include <memory>

#include "services/index/etcd/etcd_log.h"
#include "services/index/etcd/testing/fake_etcd.h"
#include "services/index/shared_log/testing/conformance.h"

namespace arkshare {

class FakeWorld : public LogWorld {
 public:
  explicit FakeWorld(int nodes = 1) : etcd_(nodes) {}

  FakeEtcd& etcd() { return etcd_; }
  // As MakeReplica, with metrics.
  std::unique_ptr<EtcdLog> MakeEtcdReplica();
  void set_compact(absl::Duration interval) { compact_ = interval; }

  std::unique_ptr<SharedLog> MakeReplica() override { return MakeEtcdReplica(); }
  bool Can(LogFault /*fault*/) const override { return true; }
  void GoAway() override { etcd_.PauseAll(); }
  void ComeBack() override { etcd_.ResumeAll(); }
  void LoseOutcomes(int count) override { etcd_.LoseOutcomes(count); }
  void LoseEvents(int count) override { etcd_.LoseEvents(count); }
  void Wipe() override { etcd_.Wipe(); }
  void SetFull(bool full) override { etcd_.SetFull(full); }

 private:
  FakeEtcd etcd_;
  absl::Duration compact_ = absl::ZeroDuration();
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_ETCD_TESTING_FAKE_WORLD_H_
