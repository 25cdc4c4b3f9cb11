// Test support: an address at which nothing answers.
#ifndef ARKSHARE_LIB_RPC_TESTING_SILENT_ADDRESS_H_
#define ARKSHARE_LIB_RPC_TESTING_SILENT_ADDRESS_H_

#include <string>
#include <vector>

namespace arkshare {

// A listener on 127.0.0.1 that takes no connection from its queue.
class SilentAddress {
 public:
  enum class Queue {
    kFull,  // and stays full: the kernel drops every further SYN packet, as a firewall does. A
            // connection neither begins nor fails.
    kFree   // as of a program that hangs: a connection begins, and no byte ever comes.
  };
  explicit SilentAddress(Queue queue = Queue::kFull);
  ~SilentAddress();
  SilentAddress(const SilentAddress&) = delete;
  SilentAddress& operator=(const SilentAddress&) = delete;

  // "127.0.0.1:PORT".
  const std::string& address() const { return address_; }
  int port() const { return port_; }

 private:
  std::vector<int> sockets_;
  std::string address_;
  int port_ = 0;
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_TESTING_SILENT_ADDRESS_H_
