// An arkshare-index with a group, and programs that join it, as tests run them.
#ifndef ARKSHARE_TESTS_SUPPORT_GROUP_INDEX_H_
#define ARKSHARE_TESTS_SUPPORT_GROUP_INDEX_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "arkshare/v1/index.grpc.pb.h"
#include "lib/core/key.h"
#include "tests/support/process.h"

namespace arkshare {

// A running index. Killed when it goes out of scope. Not thread-safe.
class GroupIndex {
 public:
  // `folder` gets its log and home/, and must exist. The path must be short. `options`: more of
  // them.
  explicit GroupIndex(std::string folder, std::vector<std::string> options = {})
      : folder_(std::move(folder)), options_(std::move(options)) {}

  // Starts it, also again after it has ended, and waits until it serves; at another port each time.
  absl::Status Start(std::map<std::string, std::string> env = {});
  const std::string& address() const { return address_; }
  Process& process() { return *process_; }
  std::string home() const { return folder_ + "/home"; }

  // Runs "arkshare-index WORDS --home HOME" to its end.
  absl::StatusOr<Finished> Run(std::vector<std::string> words, std::string input = "");
  // Returns the word of a new invitation for one key.
  absl::StatusOr<std::string> Invite();

  // Connects as the owner of `key`, with the proof of the invitation, and joins.
  absl::StatusOr<v1::JoinResponse> Join(const PrivateKey& key, const std::string& word);
  // Connects as the owner of `key`, and asks for the list of members.
  absl::StatusOr<v1::ListMembersResponse> ListMembers(const PrivateKey& key);
  // Connects as the owner of `key`, with the proof of the invitation unless `word` is empty.
  std::unique_ptr<v1::IndexService::Stub> Connect(const PrivateKey& key, const std::string& word);

 private:
  const std::string folder_;
  const std::vector<std::string> options_;
  std::string address_;
  std::unique_ptr<Process> process_;
};

}  // namespace arkshare

#endif  // ARKSHARE_TESTS_SUPPORT_GROUP_INDEX_H_
