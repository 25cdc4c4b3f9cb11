// Makes memory ready where no lock is held.
#ifndef ARKSHARE_SERVICES_INDEX_STORE_TOUCH_AHEAD_H_
#define ARKSHARE_SERVICES_INDEX_STORE_TOUCH_AHEAD_H_

namespace arkshare {

// Makes the kernel provide the memory that the next thousand books will need, for later allocations
// of the calling thread. The first write to a page waits until the kernel has cleared it, and a
// huge page (see huge_pages.h) has 2 MiB: up to 7 ms on a virtual machine whose host has to find
// them. Inside malloc and Catalog::Apply that time would be spent with their locks held; here it is
// spent without a lock. Takes some microseconds when the memory is there.
void TouchAhead();

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_STORE_TOUCH_AHEAD_H_
