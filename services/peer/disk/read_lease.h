// Finds out whether a program has a file open for writing.
#ifndef ARKSHARE_SERVICES_PEER_DISK_READ_LEASE_H_
#define ARKSHARE_SERVICES_PEER_DISK_READ_LEASE_H_

namespace arkshare {

// A read lease of fcntl(2) on an open file. While it is held, no program can have the file open for
// writing, or cut it: such a call waits for the end of the lease. Hold it briefly. Where the file
// system or the owner of the file allows no lease, the object says nothing. Not thread-safe.
class ReadLease {
 public:
  // `fd` is open for reading only, and stays open for longer than the lease.
  explicit ReadLease(int fd);
  ~ReadLease();
  ReadLease(const ReadLease&) = delete;
  ReadLease& operator=(const ReadLease&) = delete;

  // Returns true when a program had the file open for writing, or mapped for it, at the start.
  bool refused() const { return refused_; }
  // Returns true when a program has asked to write to the file since then.
  bool Broken() const;

 private:
  const int fd_;
  bool held_ = false;
  bool refused_ = false;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_READ_LEASE_H_
