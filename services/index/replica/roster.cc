#include "services/index/replica/roster.h"

#include <algorithm>

#include "lib/core/log.h"
#include "lib/rpc/convert.h"
#include "services/index/sessions/session_rules.h"

namespace arkshare {
namespace {

template <typename Record>
std::optional<Record> Parse(const std::string& value) {
  Record record;
  if (!record.ParseFromString(value)) return std::nullopt;
  return record;
}

// Moves what the page has into what the catalog joins.
std::vector<Catalog::Received> ReceivedOf(const Page& page) {
  std::vector<Catalog::Received> received;
  for (const Page::Origin& origin : page.origins) {
    received.push_back(
        {origin.source, origin.listing,
         origin.statement == Page::Origin::kNone ? nullptr : &page.statements[origin.statement]});
  }
  return received;
}

}  // namespace

void Roster::Load(int64_t revision, std::vector<LogEntry> entries) {
  std::vector<News> news;
  catalog_->BeginLoad(static_cast<uint64_t>(revision));
  Forget(entries, news);
  for (LogEntry& entry : entries) {
    const std::optional<LogKey> key = LogKey::Parse(entry.key);
    if (!key.has_value()) continue;
    Fold(entry.revision, *key, {std::move(entry.key), std::move(entry.value)}, /*live=*/false,
         news);
  }
  Tell(news);
}

void Roster::Step(int64_t revision, std::vector<LogEvent> events) {
  std::vector<News> news;
  bool begun = false;
  for (LogEvent& event : events) {
    const std::optional<LogKey> key = LogKey::Parse(event.key);
    if (!key.has_value()) continue;
    if (!std::exchange(begun, true)) catalog_->BeginStep(static_cast<uint64_t>(revision));
    Fold(revision, *key, std::move(event), /*live=*/true, news);
  }
  Tell(news);
}

void Roster::Refounded() {
  listener_->Lost();
  // An epoch of the new log may be equal to one of the old log, so nothing of that may stay.
  std::vector<News> news;
  Forget({}, news);
  catalog_->EndWatches();
  Tell(news);
}

void Roster::Fold(int64_t revision, const LogKey& key, LogEvent event, bool live,
                  std::vector<News>& news) {
  switch (key.kind) {
    case LogKey::Kind::kReplica:
      return FoldReplica(key, event.value);
    case LogKey::Kind::kSession:
      return FoldSession(revision, key, event.value, news);
    case LogKey::Kind::kClaim:
      return FoldClaim(revision, key, event.value, news);
    case LogKey::Kind::kNumber:
      return FoldNumber(revision, key, event.value);
    case LogKey::Kind::kPage:
      return FoldPage(key, std::move(event), live);
    case LogKey::Kind::kGrave:
      return FoldGrave(revision, key, event);
  }
}

void Roster::FoldSession(int64_t revision, const LogKey& key,
                         const std::optional<std::string>& value, std::vector<News>& news) {
  const SharedSessionPtr older = FindCurrent(key.peer);
  if (!value.has_value()) {
    if (older != nullptr) End(older, SessionUnknown(), news);
    return;
  }
  if (older != nullptr && older->epoch == revision) return;
  const auto record = Parse<replica::SessionRecord>(*value);
  if (!record.has_value() || !DigestFromBytes(record->token_hash()).ok()) {
    LogError("session_unreadable", {{"key", key.peer.hex()}});
    return;
  }
  auto session = std::make_shared<SharedSession>();
  session->key = key.peer;
  session->epoch = revision;
  session->record = *record;
  NumberSet gone;
  {
    MutexLock lock(&mutex_);
    gone = graves_.NumbersOf(key.peer);
  }
  // Closes the older shelf as well.
  session->shelf = catalog_->Open(InfoOf(key.peer, *record), record->proven(), std::move(gone));
  if (older != nullptr) End(older, SessionSuperseded(), news);
  MutexLock lock(&mutex_);
  sessions_.Add(session);
}

void Roster::End(const SharedSessionPtr& session, const absl::Status& why,
                 std::vector<News>& news) {
  catalog_->Close(session->shelf);
  news.push_back({session->key, session->epoch, why, {}});
  MutexLock lock(&mutex_);
  sessions_.Remove(session);
}

void Roster::FoldClaim(int64_t revision, const LogKey& key, const std::optional<std::string>& value,
                       std::vector<News>& news) {
  // It is deleted with its session only.
  if (!value.has_value()) return;
  const auto claim = Parse<replica::ClaimRecord>(*value);
  const SharedSessionPtr session = FindCurrent(key.peer);
  if (!claim.has_value() || session == nullptr) return;
  if ((claim->epoch() == 0 ? revision : claim->epoch()) != session->epoch) return;
  {
    MutexLock lock(&mutex_);
    session->claim = *claim;
    session->claim_revision = revision;
    touched_.insert(key.peer);
  }
  catalog_->SetLoad(session->shelf, claim->free_slots(), claim->upload_limit());
  catalog_->SetPlace(session->shelf, claim->local_address(), claim->network());
  catalog_->SetAnswering(session->shelf, !claim->silent());
  Show(*session);
  news.push_back({session->key, session->epoch, std::nullopt, *claim});
}

void Roster::Show(const SharedSession& session) {
  catalog_->SetStreaming(session.shelf,
                         session.claim.streaming() && IsLive(session.claim.replica()));
}

void Roster::FoldReplica(const LogKey& key, const std::optional<std::string>& value) {
  std::vector<SharedSessionPtr> claimed;
  {
    MutexLock lock(&mutex_);
    // A living replica writes its key every second.
    if (replicas_.contains(key.replica) == value.has_value()) return;
    if (value.has_value()) {
      replicas_[key.replica] =
          Parse<replica::ReplicaRecord>(*value).value_or(replica::ReplicaRecord());
    } else {
      replicas_.erase(key.replica);
    }
    for (const auto& [peer, session] : sessions_.all()) {
      if (session->claim.replica() == key.replica) claimed.push_back(session);
    }
  }
  std::sort(claimed.begin(), claimed.end(),
            [](const SharedSessionPtr& a, const SharedSessionPtr& b) {
              return a->record.peer_id() < b->record.peer_id();
            });
  for (const SharedSessionPtr& session : claimed) Show(*session);
}

void Roster::FoldNumber(int64_t revision, const LogKey& key,
                        const std::optional<std::string>& value) {
  MutexLock lock(&mutex_);
  numbers_.Remove(key.number);
  if (!value.has_value()) return;
  const auto record = Parse<replica::NumberRecord>(*value);
  if (!record.has_value()) return;
  const absl::StatusOr<PublicKey> owner = PublicKey::FromBytes(record->public_key());
  if (owner.ok()) numbers_.Put(key.number, {*owner, revision});
}

void Roster::FoldPage(const LogKey& key, LogEvent event, bool live) {
  if (!event.value.has_value()) {
    MutexLock lock(&mutex_);
    pages_.Remove(event.key);
    return;
  }
  const SharedSessionPtr session = FindCurrent(key.peer);
  {
    MutexLock lock(&mutex_);
    pages_.Add(event.key, key.peer, key.epoch);
    if (session == nullptr || session->epoch != key.epoch) return;
    // It was sent again, or the log was loaded again.
    if (pages_.IsFolded(event.key)) return;
  }
  const std::optional<Page> page = ReadPage(*event.value);
  if (!page.has_value()) {
    LogError("page_unreadable", {{"page", event.key}});
    return;
  }
  // When the log is loaded, the graves that came before have what the origins say.
  if (live && !page->origins.empty()) catalog_->JoinMoves(session->shelf, ReceivedOf(*page));
  catalog_->Join(session->shelf, page->statements);
  if (!page->gone.empty()) catalog_->JoinGone(session->shelf, page->gone);
  MutexLock lock(&mutex_);
  pages_.SetFolded(event.key, *page);
  touched_.insert(key.peer);
  session->through = std::max(session->through, page->through);
  session->complete = session->complete || page->complete;
}

void Roster::FoldGrave(int64_t revision, const LogKey& key, const LogEvent& event) {
  std::vector<NumberRange> numbers;
  {
    MutexLock lock(&mutex_);
    if (!event.value.has_value()) return graves_.Remove(key.peer, event.key);
    const auto record = Parse<replica::GraveRecord>(*event.value);
    if (!record.has_value()) return;
    numbers = NumbersOf(*record);
    graves_.Put({event.key, key.peer, revision, numbers});
    touched_.insert(key.peer);
  }
  catalog_->JoinGone(key.peer, numbers);
}

void Roster::Forget(const std::vector<LogEntry>& entries, std::vector<News>& news) {
  absl::flat_hash_set<std::string> keys;
  for (const LogEntry& entry : entries) keys.insert(entry.key);
  std::vector<SharedSessionPtr> ended;
  std::vector<SharedSessionPtr> unclaimed;
  std::vector<std::string> dead;
  {
    MutexLock lock(&mutex_);
    for (const auto& [replica, record] : replicas_) {
      if (!keys.contains(ReplicaKey(replica))) dead.push_back(replica);
    }
    for (const auto& [key, session] : sessions_.all()) {
      if (!keys.contains(SessionKey(key))) {
        ended.push_back(session);
      } else if (!keys.contains(ClaimKey(key))) {
        session->claim = {};
        session->claim_revision = 0;
        unclaimed.push_back(session);
      }
    }
    numbers_.RemoveIf([&](uint32_t number) { return !keys.contains(NumberKey(number)); });
    graves_.RemoveIf([&](const std::string& grave) { return !keys.contains(grave); });
    pages_.RemoveIf([&](const std::string& page) { return !keys.contains(page); });
  }
  for (const std::string& replica : dead) {
    LogKey key;
    key.replica = replica;
    FoldReplica(key, std::nullopt);
  }
  for (const SharedSessionPtr& session : ended) End(session, SessionUnknown(), news);
  for (const SharedSessionPtr& session : unclaimed) Show(*session);
}

void Roster::Tell(const std::vector<News>& news) {
  for (const News& item : news) {
    if (item.ended.has_value()) {
      listener_->Ended(item.key, item.epoch, *item.ended);
    } else {
      listener_->Claimed(item.key, item.epoch, item.claim);
    }
  }
}

SharedSessionPtr Roster::FindCurrent(const PublicKey& key) const {
  MutexLock lock(&mutex_);
  return sessions_.Find(key);
}

PeerInfo Roster::InfoOf(const PublicKey& key, const replica::SessionRecord& record) const {
  PeerInfo peer;
  peer.peer_id = record.peer_id();
  peer.key = key;
  peer.address = record.address();
  peer.policy = static_cast<v1::SharePolicy>(record.policy());
  // A loopback address of another machine is of no use here, and no peer elsewhere gets it either.
  peer.loopback = !record.loopback_scope().empty();
  if (peer.loopback && record.loopback_scope() != here_.scope) peer.address.clear();
  if (record.takes_calls()) peer.relay_port = here_.relay_port;
  return peer;
}

// --- what others ask

std::optional<SharedSession> Roster::Find(const PublicKey& key) const {
  MutexLock lock(&mutex_);
  const SharedSessionPtr session = sessions_.Find(key);
  return session == nullptr ? std::nullopt : std::optional(*session);
}

absl::StatusOr<SharedSession> Roster::FindToken(const Sha256Digest& token_hash) const {
  MutexLock lock(&mutex_);
  return sessions_.FindToken(token_hash);
}

uint64_t Roster::Through(const PublicKey& key, int64_t epoch) const {
  MutexLock lock(&mutex_);
  const SharedSessionPtr session = sessions_.Find(key, epoch);
  return session == nullptr ? 0 : session->through;
}

std::vector<SharedSession> Roster::Orphans() const {
  std::vector<SharedSession> orphans;
  MutexLock lock(&mutex_);
  for (const auto& [key, session] : sessions_.all()) {
    if (!replicas_.contains(session->claim.replica())) orphans.push_back(*session);
  }
  return orphans;
}

bool Roster::IsLive(const std::string& replica) const {
  MutexLock lock(&mutex_);
  return replicas_.contains(replica);
}

std::vector<std::string> Roster::LiveReplicas() const {
  MutexLock lock(&mutex_);
  std::vector<std::string> names;
  for (const auto& [name, record] : replicas_) names.push_back(name);
  return names;
}

std::optional<std::pair<std::string, replica::ReplicaRecord>> Roster::ReplicaOf(
    const PublicKey& key) const {
  MutexLock lock(&mutex_);
  const SharedSessionPtr session = sessions_.Find(key);
  if (session == nullptr || !session->claim.streaming()) return std::nullopt;
  const auto replica = replicas_.find(session->claim.replica());
  if (replica == replicas_.end()) return std::nullopt;
  return *replica;
}

std::optional<NumberOwner> Roster::OwnerOf(uint32_t number) const {
  MutexLock lock(&mutex_);
  return numbers_.OwnerOf(number);
}

uint32_t Roster::NextUnused(uint32_t number) const {
  MutexLock lock(&mutex_);
  return numbers_.NextUnused(number);
}

std::optional<uint32_t> Roster::NumberOf(const PublicKey& key) const {
  MutexLock lock(&mutex_);
  return numbers_.NumberOf(key);
}

std::vector<std::pair<uint32_t, NumberOwner>> Roster::AllNumbers() const {
  MutexLock lock(&mutex_);
  return numbers_.All();
}

std::vector<StoredGrave> Roster::AllGraves() const {
  MutexLock lock(&mutex_);
  return graves_.All();
}

std::vector<StoredGrave> Roster::GravesOf(const PublicKey& source) const {
  MutexLock lock(&mutex_);
  return graves_.Of(source);
}

std::vector<StoredGrave> Roster::OldGraves() const {
  MutexLock lock(&mutex_);
  return graves_.Before([this](const PublicKey& source) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const SharedSessionPtr session = sessions_.Find(source);
    return session != nullptr && session->complete ? std::optional(session->epoch) : std::nullopt;
  });
}

std::vector<std::string> Roster::Garbage(size_t most) const {
  MutexLock lock(&mutex_);
  return pages_.Others(
      most, [this](const PublicKey& key, int64_t epoch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return sessions_.Find(key, epoch) != nullptr;
      });
}

std::vector<PublicKey> Roster::TakeTouched() {
  MutexLock lock(&mutex_);
  std::vector<PublicKey> touched(touched_.begin(), touched_.end());
  touched_.clear();
  return touched;
}

StoredPages::Sum Roster::SumOfPages(const PublicKey& key, int64_t epoch) const {
  MutexLock lock(&mutex_);
  return pages_.SumOf(key, epoch);
}

std::vector<StoredPage> Roster::PagesOf(const PublicKey& key, int64_t epoch) const {
  MutexLock lock(&mutex_);
  return pages_.Of(key, epoch);
}

}  // namespace arkshare
