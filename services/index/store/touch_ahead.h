// Memory is made ready where no lock is held.
#ifndef ARKSHARE_SERVICES_INDEX_STORE_TOUCH_AHEAD_H_
#define ARKSHARE_SERVICES_INDEX_STORE_TOUCH_AHEAD_H_

namespace arkshare {

// Makes the kernel hand over what the next thousand books will need. Whoever first writes to a page
// waits until it is cleared, and with huge pages (see huge_pages.h) that is 2 MiB: up to 7 ms on a
// virtual machine whose host has to find them. In the midst of malloc that is time with malloc's
// lock, and in the midst of Catalog::Apply with the catalog's; here it is with neither. Costs some
// microseconds when all is there. For the calling thread's later allocations.
void TouchAhead();

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_STORE_TOUCH_AHEAD_H_
