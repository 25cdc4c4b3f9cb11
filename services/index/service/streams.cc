#include "services/index/service/streams.h"

#include <chrono>

namespace arkshare {

uint64_t Streams::Add(EndableStream* stream) {
  MutexLock lock(&mutex_);
  const uint64_t id = next_id_++;
  streams_[id] = stream;
  if (!ended_.ok()) stream->End(ended_);
  return id;
}

void Streams::Remove(uint64_t id) {
  MutexLock lock(&mutex_);
  streams_.erase(id);
  removed_.NotifyAll();
}

void Streams::End(uint64_t id, const absl::Status& why) {
  MutexLock lock(&mutex_);
  const auto place = streams_.find(id);
  if (place != streams_.end()) place->second->End(why);
}

void Streams::TellReached(uint64_t id, bool reached) {
  MutexLock lock(&mutex_);
  const auto place = streams_.find(id);
  if (place != streams_.end()) place->second->TellReached(reached);
}

void Streams::TellCall(uint64_t id, const PeerCall& call) {
  MutexLock lock(&mutex_);
  const auto place = streams_.find(id);
  if (place != streams_.end()) place->second->TellCall(call);
}

void Streams::TellMembers() {
  MutexLock lock(&mutex_);
  for (const auto& [id, stream] : streams_) stream->TellMembers();
}

void Streams::EndOf(const PublicKey& key, const absl::Status& why) {
  MutexLock lock(&mutex_);
  for (const auto& [id, stream] : streams_) {
    if (stream->key() == key) stream->End(why);
  }
}

void Streams::EndAll(const absl::Status& why, absl::Duration patience) {
  MutexLock lock(&mutex_);
  ended_ = why;
  for (const auto& [id, stream] : streams_) stream->End(why);
  const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(patience);
  while (!streams_.empty()) {
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left.count() <= 0) return;
    removed_.WaitFor(&mutex_, absl::FromChrono(left));
  }
}

}  // namespace arkshare
