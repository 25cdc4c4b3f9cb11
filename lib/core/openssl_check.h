// A check of calls of OpenSSL that cannot fail in a sound process.
#ifndef ARKSHARE_LIB_CORE_OPENSSL_CHECK_H_
#define ARKSHARE_LIB_CORE_OPENSSL_CHECK_H_

#include <cstdlib>

namespace arkshare {

// Aborts unless `done`. Only a lack of memory or a broken OpenSSL gets there, and continuing would
// mean wrong hashes, unsigned tickets, or keys that are not random.
inline void RequireOpenSsl(bool done) {
  if (!done) std::abort();
}

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_OPENSSL_CHECK_H_
