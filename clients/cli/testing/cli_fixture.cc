#include "clients/cli/testing/cli_fixture.h"

#include <absl/strings/str_cat.h>
#include <stdlib.h>

#include <filesystem>
#include <utility>

namespace arkshare {

CliTest::CliTest() {
  std::string folder = absl::StrCat(testing::TempDir(), "/arkshare-cli-XXXXXX");
  folder_ = mkdtemp(folder.data());
  peer_target_ = absl::StrCat("unix:", folder_, "/run/control.sock");
  peer_server_ = *RpcServer::Start({.listen = peer_target_, .tls = {}, .configure = {}}, {&peer_});
  index_server_ =
      *RpcServer::Start({.listen = "127.0.0.1:0", .tls = {}, .configure = {}}, {&index_});
  index_address_ = index_server_->address();
  v1::GetStatusResponse status = peer_.status();
  status.set_index_address(index_address_);
  peer_.SetStatus(status);
  Connect(options());
}

CliTest::~CliTest() {
  session_.reset();
  connection_.reset();
  peer_server_.reset();
  index_server_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void CliTest::RestartIndex() {
  index_server_.reset();
  index_server_ =
      *RpcServer::Start({.listen = index_address_, .tls = {}, .configure = {}}, {&index_});
}

void CliTest::Connect(ConnectionOptions options) {
  session_.reset();
  connection_ = *Connection::Open(std::move(options), &interrupts_);
  session_.emplace(Session{.connection = *connection_,
                           .interrupts = interrupts_,
                           .console = {.out = out_, .err = err_, .clock = &clock_}});
}

}  // namespace arkshare
