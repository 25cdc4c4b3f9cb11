// Test support: an address that drops packets, as behind a firewall.
#ifndef ARKSHARE_LIB_RPC_TESTING_SILENT_ADDRESS_H_
#define ARKSHARE_LIB_RPC_TESTING_SILENT_ADDRESS_H_

#include <string>
#include <vector>

namespace arkshare {

// A listener on 127.0.0.1 whose queue is full and stays full, so the kernel drops every further
// SYN packet. A connection to it neither begins nor fails.
class SilentAddress {
 public:
  SilentAddress();
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
