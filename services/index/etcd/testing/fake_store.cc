#include "services/index/etcd/testing/fake_store.h"

#include <algorithm>

namespace arkshare {

namespace pb = ::etcdserverpb;

namespace {

constexpr int kMaxOps = 128;
constexpr size_t kMaxRequest = 1536 * 1024;

grpc::Status Refuse(grpc::StatusCode code, const std::string& message) { return {code, message}; }

}  // namespace

const mvccpb::KeyValue* FakeStore::At(const std::string& key, int64_t revision) const {
  const auto found = keys_.find(key);
  if (found == keys_.end()) return nullptr;
  auto version = found->second.upper_bound(revision);
  if (version == found->second.begin()) return nullptr;
  --version;
  return version->second.version() == 0 ? nullptr : &version->second;
}

grpc::Status FakeStore::Range(const pb::RangeRequest& request, pb::RangeResponse* response) const {
  const int64_t at = request.revision() == 0 ? revision_ : request.revision();
  if (at > revision_) {
    return Refuse(grpc::StatusCode::OUT_OF_RANGE,
                  "etcdserver: mvcc: required revision is a future revision");
  }
  if (at < compacted_) {
    return Refuse(grpc::StatusCode::OUT_OF_RANGE,
                  "etcdserver: mvcc: required revision has been compacted");
  }
  response->mutable_header()->set_revision(revision_);
  auto key = keys_.lower_bound(request.key());
  for (; key != keys_.end(); ++key) {
    if (request.range_end().empty() ? key->first != request.key()
                                    : key->first >= request.range_end()) {
      break;
    }
    const mvccpb::KeyValue* kv = At(key->first, at);
    if (kv == nullptr) continue;
    response->set_count(response->count() + 1);
    if (request.limit() > 0 && response->kvs_size() == request.limit()) {
      response->set_more(true);
      continue;
    }
    *response->add_kvs() = *kv;
    if (request.keys_only()) response->mutable_kvs()->rbegin()->clear_value();
  }
  return grpc::Status::OK;
}

bool FakeStore::Holds(const pb::Compare& compare) const {
  static const mvccpb::KeyValue kAbsent;
  const mvccpb::KeyValue* kv = At(compare.key(), revision_);
  if (compare.result() != pb::Compare::EQUAL) return false;
  switch (compare.target()) {
    case pb::Compare::VALUE:
      return kv != nullptr && kv->value() == compare.value();
    case pb::Compare::MOD:
      return (kv == nullptr ? kAbsent : *kv).mod_revision() == compare.mod_revision();
    default:
      return false;
  }
}

grpc::Status FakeStore::Check(const pb::TxnRequest& request) const {
  if (std::max({request.compare_size(), request.success_size(), request.failure_size()}) >
      kMaxOps) {
    return Refuse(grpc::StatusCode::INVALID_ARGUMENT,
                  "etcdserver: too many operations in txn request");
  }
  if (request.ByteSizeLong() > kMaxRequest) {
    return Refuse(grpc::StatusCode::INVALID_ARGUMENT, "etcdserver: request is too large");
  }
  for (const auto* branch : {&request.success(), &request.failure()}) {
    std::set<std::string> put;
    for (const pb::RequestOp& op : *branch) {
      if (op.has_request_put() && !put.insert(op.request_put().key()).second) {
        return Refuse(grpc::StatusCode::INVALID_ARGUMENT,
                      "etcdserver: duplicate key given in txn request");
      }
    }
    for (const pb::RequestOp& op : *branch) {
      if (op.has_request_delete_range() && put.count(op.request_delete_range().key()) > 0) {
        return Refuse(grpc::StatusCode::INVALID_ARGUMENT,
                      "etcdserver: duplicate key given in txn request");
      }
    }
  }
  return grpc::Status::OK;
}

grpc::Status FakeStore::Txn(const pb::TxnRequest& request, pb::TxnResponse* response) {
  if (const grpc::Status checked = Check(request); !checked.ok()) return checked;
  const bool holds = std::all_of(request.compare().begin(), request.compare().end(),
                                 [this](const pb::Compare& compare) { return Holds(compare); });
  const auto& branch = holds ? request.success() : request.failure();
  for (const pb::RequestOp& op : branch) {
    if (op.has_request_put() && op.request_put().lease() != 0 &&
        leases_.count(op.request_put().lease()) == 0) {
      return Refuse(grpc::StatusCode::NOT_FOUND, "etcdserver: requested lease not found");
    }
  }
  response->set_succeeded(holds);
  const int64_t revision = revision_ + 1;
  for (const pb::RequestOp& op : branch) {
    pb::ResponseOp* done = response->add_responses();
    if (op.has_request_range()) {
      Range(op.request_range(), done->mutable_response_range());
    } else if (op.has_request_put()) {
      Put(op.request_put(), revision);
      done->mutable_response_put();
    } else {
      done->mutable_response_delete_range()->set_deleted(
          Delete(op.request_delete_range().key(), revision));
    }
  }
  if (events_.count(revision) > 0) revision_ = revision;
  response->mutable_header()->set_revision(revision_);
  return grpc::Status::OK;
}

void FakeStore::Put(const pb::PutRequest& put, int64_t revision) {
  const mvccpb::KeyValue* old = At(put.key(), revision_);
  mvccpb::KeyValue kv;
  kv.set_key(put.key());
  kv.set_value(put.value());
  kv.set_lease(put.lease());
  kv.set_mod_revision(revision);
  kv.set_create_revision(old == nullptr ? revision : old->create_revision());
  kv.set_version(old == nullptr ? 1 : old->version() + 1);
  for (auto& [id, lease] : leases_) lease.keys.erase(put.key());
  if (put.lease() != 0) leases_[put.lease()].keys.insert(put.key());
  keys_[put.key()][revision] = kv;
  mvccpb::Event event;
  *event.mutable_kv() = kv;
  events_[revision].push_back(event);
}

int64_t FakeStore::Delete(const std::string& key, int64_t revision) {
  if (At(key, revision) == nullptr) return 0;
  mvccpb::KeyValue gone;
  gone.set_key(key);
  gone.set_mod_revision(revision);
  keys_[key][revision] = gone;
  mvccpb::Event event;
  event.set_type(mvccpb::Event::DELETE);
  *event.mutable_kv() = gone;
  events_[revision].push_back(event);
  return 1;
}

grpc::Status FakeStore::Compact(int64_t revision) {
  if (revision <= compacted_) {
    return Refuse(grpc::StatusCode::OUT_OF_RANGE,
                  "etcdserver: mvcc: required revision has been compacted");
  }
  if (revision > revision_) {
    return Refuse(grpc::StatusCode::OUT_OF_RANGE,
                  "etcdserver: mvcc: required revision is a future revision");
  }
  compacted_ = revision;
  events_.erase(events_.begin(), events_.lower_bound(revision));
  return grpc::Status::OK;
}

int64_t FakeStore::Grant(absl::Duration ttl, absl::Time now) {
  const int64_t id = ++last_lease_;
  leases_[id] = {ttl, now + ttl, {}};
  return id;
}

int64_t FakeStore::KeepAlive(int64_t lease, absl::Time now) {
  const auto found = leases_.find(lease);
  if (found == leases_.end()) return 0;
  found->second.end = now + found->second.ttl;
  return absl::ToInt64Seconds(found->second.ttl);
}

bool FakeStore::Expire(absl::Time now) {
  bool changed = false;
  for (auto lease = leases_.begin(); lease != leases_.end();) {
    if (lease->second.end > now) {
      ++lease;
      continue;
    }
    for (const std::string& key : lease->second.keys) changed |= Delete(key, revision_ + 1) > 0;
    if (events_.count(revision_ + 1) > 0) ++revision_;
    lease = leases_.erase(lease);
  }
  return changed;
}

absl::Time FakeStore::NextExpiry() const {
  absl::Time next = absl::InfiniteFuture();
  for (const auto& [id, lease] : leases_) next = std::min(next, lease.end);
  return next;
}

std::vector<mvccpb::Event> FakeStore::Events(int64_t first, int limit) const {
  std::vector<mvccpb::Event> told;
  for (auto revision = events_.lower_bound(first); revision != events_.end(); ++revision) {
    if (limit-- == 0) break;
    if (lost_.count(revision->first) > 0) continue;
    told.insert(told.end(), revision->second.begin(), revision->second.end());
  }
  return told;
}

}  // namespace arkshare
