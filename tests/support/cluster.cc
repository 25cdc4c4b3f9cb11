#include "tests/support/cluster.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "lib/core/clock.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/status.h"
#include "tests/support/files.h"

namespace arkshare {

PendingFetch::PendingFetch(PeerProcess& peer, const v1::FetchRequest& request)
    : reader_(peer.control_stub().Fetch(&context_, request)) {
  thread_ = std::thread([this] {
    v1::FetchResponse response;
    while (reader_->Read(&response)) {
      MutexLock lock(&mutex_);
      last_ = response.transfer();
      changed_.NotifyAll();
    }
    absl::Status end = FromGrpcStatus(reader_->Finish(), "the peer");
    MutexLock lock(&mutex_);
    end_ = std::move(end);
    changed_.NotifyAll();
  });
}

PendingFetch::~PendingFetch() {
  context_.TryCancel();
  thread_.join();
}

absl::StatusOr<v1::Transfer> PendingFetch::Await(absl::Duration timeout) {
  const absl::Time deadline = Clock::Real()->Monotonic() + timeout;
  MutexLock lock(&mutex_);
  while (!end_) {
    const absl::Duration left = deadline - Clock::Real()->Monotonic();
    if (left <= absl::ZeroDuration()) {
      return absl::DeadlineExceededError(
          absl::StrCat("the fetch goes on: ", last_.ShortDebugString()));
    }
    changed_.WaitFor(&mutex_, left);
  }
  if (!end_->ok()) return *end_;
  return last_;
}

v1::Transfer PendingFetch::last() const {
  MutexLock lock(&mutex_);
  return last_;
}

bool PendingFetch::WaitFor(const std::function<bool(const v1::Transfer&)>& predicate,
                           absl::Duration timeout) {
  const absl::Time deadline = Clock::Real()->Monotonic() + timeout;
  MutexLock lock(&mutex_);
  while (!predicate(last_)) {
    const absl::Duration left = deadline - Clock::Real()->Monotonic();
    if (end_ || left <= absl::ZeroDuration()) return false;
    changed_.WaitFor(&mutex_, left);
  }
  return true;
}

absl::Status Cluster::Start(std::string lease, std::map<std::string, std::string> index_env,
                            std::vector<std::string> index_args) {
  IndexOptions options;
  options.lease = std::move(lease);
  options.env = std::move(index_env);
  options.args = std::move(index_args);
  return StartIndex(std::move(options));
}

absl::Status Cluster::StartGroup(std::string lease, std::map<std::string, std::string> index_env,
                                 std::vector<std::string> index_args) {
  IndexOptions options;
  options.lease = std::move(lease);
  options.env = std::move(index_env);
  options.args = std::move(index_args);
  options.group = true;
  return StartIndex(std::move(options));
}

absl::Status Cluster::StartIndex(IndexOptions options) {
  options.folder = dir_.path();
  absl::StatusOr<std::unique_ptr<IndexProcess>> index = IndexProcess::Start(std::move(options));
  if (!index.ok()) return index.status();
  index_ = *std::move(index);
  return absl::OkStatus();
}

std::string Cluster::Folder(const std::string& name) {
  const std::string folder = dir_ / name;
  mkdir(folder.c_str(), 0700);  // a control socket needs a folder that only its owner can enter
  return folder;
}

std::string Cluster::Books(const std::string& name) {
  const std::string folder = Folder(name) + "/books";
  std::error_code ignored;
  std::filesystem::create_directory(folder, ignored);
  return folder;
}

absl::Status Cluster::StartPeer(const std::string& name, PeerOptions options) {
  options.folder = Folder(name);
  if (index_->has_group()) {
    options.group = true;
    if (options.join.empty()) {
      absl::StatusOr<std::string> word = index_->Invite({"--name", name});
      if (!word.ok()) return word.status();
      options.join = *std::move(word);
    }
  } else if (options.index.empty()) {
    options.index = index_->address();
  }
  absl::StatusOr<std::unique_ptr<PeerProcess>> started = PeerProcess::Start(std::move(options));
  if (!started.ok()) return started.status();
  PeerProcess& peer = *(peers_[name] = *std::move(started));
  if (absl::Status s = peer.WaitOnline(); !s.ok()) return s;
  absl::StatusOr<v1::GetStatusResponse> status = peer.GetStatus();
  if (!status.ok()) return status.status();
  keys_[status->public_key()] = name;
  return absl::OkStatus();
}

std::vector<std::string> Cluster::AllBooks() const {
  std::vector<std::string> folders;
  for (const auto& [name, peer] : peers_) folders.push_back(peer->books());
  return folders;
}

uint32_t Cluster::IdOf(const std::string& name) {
  absl::StatusOr<v1::GetStatusResponse> status = peer(name).GetStatus();
  return status.ok() ? status->peer_id() : 0;
}

PublicKey Cluster::KeyOf(const std::string& name) {
  for (const auto& [key, owner] : keys_) {
    if (owner == name) return PublicKey::FromBytes(key).value_or(PublicKey());
  }
  return PublicKey();
}

absl::StatusOr<v1::Transfer> Cluster::Get(const std::string& peer, const std::string& book) {
  v1::FetchRequest request;
  request.set_name(book);
  return Get(peer, request);
}

absl::StatusOr<v1::Transfer> Cluster::Get(const std::string& name,
                                          const v1::FetchRequest& request) {
  return PendingFetch(peer(name), request).Await();
}

absl::StatusOr<v1::SearchResponse> Cluster::Search(const v1::SearchRequest& request) {
  grpc::ClientContext context;
  SetTimeout(context, kPatience);
  v1::SearchResponse response;
  const grpc::Status status = index_->stub().Search(&context, request, &response);
  if (!status.ok()) return FromGrpcStatus(status, "the index", Reason::kIndexUnreachable);
  return response;
}

std::vector<std::string> Cluster::HoldersOf(const ContentId& content) {
  v1::SearchRequest request;
  *request.mutable_content() = ToProto(content);
  absl::StatusOr<v1::SearchResponse> found = Search(request);
  if (!found.ok()) return {"-"};
  std::vector<std::string> names;
  for (const v1::SearchResponse::Result& result : found->results()) {
    for (const v1::Holder& holder : result.holders()) {
      const auto known = keys_.find(holder.public_key());
      names.push_back(known == keys_.end() ? "?" : known->second);
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

testing::AssertionResult Cluster::WaitForHolders(const ContentId& content,
                                                 const std::vector<std::string>& names,
                                                 absl::Duration timeout) {
  std::vector<std::string> last;
  const bool found = EventuallyTrue(
      [&] {
        last = HoldersOf(content);
        return last == names;
      },
      timeout);
  if (found) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "the index names [" << absl::StrJoin(last, ", ")
                                     << "] as holders, not [" << absl::StrJoin(names, ", ") << "]";
}

std::optional<v1::LibraryEntry> Cluster::Entry(const std::string& name, const std::string& book) {
  grpc::ClientContext context;
  SetTimeout(context, kPatience);
  v1::ListLibraryRequest request;
  request.set_name(book);
  v1::ListLibraryResponse response;
  const grpc::Status status = peer(name).control_stub().ListLibrary(&context, request, &response);
  if (!status.ok() || response.entries().empty()) return std::nullopt;
  return response.entries(0);
}

testing::AssertionResult Cluster::WaitListed(const std::string& name, const std::string& book,
                                             absl::string_view bytes) {
  const v1::ContentId wanted = ToProto(ContentOf(bytes));
  std::string last = "nothing";
  const bool listed = EventuallyTrue([&] {
    const std::optional<v1::LibraryEntry> entry = Entry(name, book);
    if (!entry) return false;
    last = entry->ShortDebugString();
    return entry->has_listing() && entry->listing().content().root() == wanted.root() &&
           entry->listing().content().size_bytes() == wanted.size_bytes();
  });
  if (listed) return testing::AssertionSuccess();
  return testing::AssertionFailure() << name << " lists \"" << book << "\" as: " << last;
}

}  // namespace arkshare
