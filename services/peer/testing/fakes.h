// All test support of the peer. New tests include the small headers that they need.
#ifndef ARKSHARE_SERVICES_PEER_TESTING_FAKES_H_
#define ARKSHARE_SERVICES_PEER_TESTING_FAKES_H_

#include "lib/core/clock.h"                      // IWYU pragma: export
#include "lib/core/errors.h"                     // IWYU pragma: export
#include "services/peer/testing/fake_book.h"     // IWYU pragma: export
#include "services/peer/testing/fake_holder.h"   // IWYU pragma: export
#include "services/peer/testing/grpc_runtime.h"  // IWYU pragma: export
#include "services/peer/testing/must.h"          // IWYU pragma: export
#include "services/peer/testing/peer_disk.h"     // IWYU pragma: export
#include "services/peer/testing/small_disk.h"    // IWYU pragma: export
#include "services/peer/testing/temp_folder.h"   // IWYU pragma: export

#endif  // ARKSHARE_SERVICES_PEER_TESTING_FAKES_H_
