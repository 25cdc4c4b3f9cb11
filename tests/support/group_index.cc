#include "tests/support/group_index.h"

#include <absl/strings/ascii.h>
#include <absl/strings/strip.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include <optional>
#include <utility>

#include "lib/core/errors.h"
#include "lib/core/invitation.h"
#include "lib/core/leaf_certificate.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/key_credentials.h"
#include "lib/rpc/key_handshake.h"
#include "lib/rpc/status.h"
#include "tests/support/programs.h"

namespace arkshare {
namespace {

constexpr char kServing[] = "serving address=";

template <typename Response>
absl::StatusOr<Response> ResultOf(const grpc::Status& status, const Response& response) {
  if (!status.ok()) return FromGrpcStatus(status, "the index", Reason::kIndexUnreachable);
  return response;
}

}  // namespace

absl::Status GroupIndex::Start(std::map<std::string, std::string> env) {
  ProcessOptions start;
  start.argv = {IndexBinary(), "--listen", "127.0.0.1:0", "--home", home()};
  start.argv.insert(start.argv.end(), options_.begin(), options_.end());
  start.env = std::move(env);
  start.log_file = folder_ + "/index.log";
  absl::StatusOr<std::unique_ptr<Process>> process = Process::Start(std::move(start));
  if (!process.ok()) return process.status();
  process_ = *std::move(process);
  const absl::StatusOr<std::string> line = process_->WaitForLine(kServing);
  if (!line.ok()) return line.status();
  address_ = std::string(absl::StripPrefix(*line, kServing));
  return absl::OkStatus();
}

absl::StatusOr<Finished> GroupIndex::Run(std::vector<std::string> words, std::string input) {
  ProcessOptions start;
  start.argv = {IndexBinary()};
  start.argv.insert(start.argv.end(), words.begin(), words.end());
  start.argv.insert(start.argv.end(), {"--home", home()});
  start.input = std::move(input);
  return RunToEnd(std::move(start));
}

absl::StatusOr<std::string> GroupIndex::Invite() {
  const absl::StatusOr<Finished> invited = Run({"invite", "--address", address_});
  if (!invited.ok()) return invited.status();
  if (invited->exit != ExitStatus{}) return absl::InternalError(invited->log);
  return std::string(absl::StripAsciiWhitespace(invited->output));
}

absl::StatusOr<v1::JoinResponse> GroupIndex::Join(const PrivateKey& key, const std::string& word) {
  grpc::ClientContext context;
  SetTimeout(context, kPatience);
  v1::JoinResponse response;
  return ResultOf(Connect(key, word)->Join(&context, {}, &response), response);
}

absl::StatusOr<v1::ListMembersResponse> GroupIndex::ListMembers(const PrivateKey& key) {
  grpc::ClientContext context;
  SetTimeout(context, kPatience);
  v1::ListMembersResponse response;
  return ResultOf(Connect(key, "")->ListMembers(&context, {}, &response), response);
}

std::unique_ptr<v1::IndexService::Stub> GroupIndex::Connect(const PrivateKey& key,
                                                            const std::string& word) {
  const absl::StatusOr<PublicKey> index =
      ReadKeyAt(address_, MakeLeafCertificate(key, {}), kPatience);
  EXPECT_TRUE(index.ok()) << index.status();
  LeafOptions options;
  if (const auto invitation = ReadInvitation(word); invitation.ok()) {
    options.join = JoinProofOf(invitation->secret, index.value_or(PublicKey()), key.public_key());
  }
  grpc::ChannelArguments args;
  args.SetSslTargetNameOverride(kKeyTargetName);
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return v1::IndexService::NewStub(
      grpc::CreateCustomChannel(address_,
                                MakeKeyChannelCredentials(MakeLeafCertificate(key, options),
                                                          index.value_or(PublicKey()), nullptr),
                                args));
}

}  // namespace arkshare
