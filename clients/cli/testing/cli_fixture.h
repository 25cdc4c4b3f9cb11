// The fixture of the tests of commands: a fake peer, a fake index, and a session that writes into
// strings.
#ifndef ARKSHARE_CLIENTS_CLI_TESTING_CLI_FIXTURE_H_
#define ARKSHARE_CLIENTS_CLI_TESTING_CLI_FIXTURE_H_

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <sstream>
#include <string>

#include "clients/cli/session.h"
#include "clients/cli/testing/fake_file_service.h"
#include "clients/cli/testing/fake_index.h"
#include "clients/cli/testing/fake_peer.h"
#include "clients/cli/testing/sample_answers.h"
#include "lib/core/clock.h"
#include "lib/rpc/server.h"

namespace arkshare {

// A fixture with the running fakes and a session. The peer has number 5, is online, and uses the
// index.
class CliTest : public testing::Test {
 protected:
  CliTest();
  ~CliTest() override;

  void StopPeer() { peer_server_.reset(); }
  void StopIndex() { index_server_.reset(); }
  // Restarts the index on the same port.
  void RestartIndex();

  // Replaces the session's connection.
  void Connect(ConnectionOptions options);
  ConnectionOptions options() const { return {.peer = peer_target_, .index = "", .tls = {}}; }

  std::string out() const { return out_.str(); }
  std::string err() const { return err_.str(); }

  std::string folder_;
  std::string peer_target_;
  std::string index_address_;
  FakePeer peer_;
  FakeIndex index_;
  std::unique_ptr<RpcServer> peer_server_;
  std::unique_ptr<RpcServer> index_server_;
  FakeClock clock_;
  std::ostringstream out_;
  std::ostringstream err_;
  Interrupts interrupts_;
  std::unique_ptr<Connection> connection_;
  std::optional<Session> session_;
};

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_TESTING_CLI_FIXTURE_H_
