#include "services/index/replica/testing/log_writer.h"

namespace arkshare {

std::string Folded::Describe() const {
  std::string all;
  for (const PeerSummary& peer : catalog.ListPeers(0, 1000)) {
    absl::StrAppend(&all, peer.info.peer_id, peer.listed ? " listed" : " hidden", " slots ",
                    peer.info.free_slots, ":");
    const auto books = catalog.ListBooks(peer.info.peer_id, {}, 1000);
    for (const BookListing& book : *books) {
      absl::StrAppend(&all, " ", book.number, "=", book.name.value());
    }
    const std::optional<SharedSession> session = roster.Find(peer.info.key);
    absl::StrAppend(&all, " through ", session->through, session->complete ? " complete" : "",
                    "\n");
  }
  return all;
}

int64_t LogWriter::Begin(uint8_t peer, const std::string& replica, bool proven) {
  replica::SessionRecord session;
  session.set_token_hash(DigestBytes(HashOfToken(absl::StrCat("token ", revision_))));
  session.set_peer_id(peer);
  session.set_address(TestPeer(peer, peer).address);
  session.set_policy(v1::SHARE_POLICY_MOVE);
  session.set_proven(proven);
  replica::NumberRecord number;
  number.set_public_key(TestKey(peer).bytes());
  return Write({{SessionKey(TestKey(peer)), session.SerializeAsString()},
                {ClaimKey(TestKey(peer)), Claim(0, replica, false)},
                {NumberKey(peer), number.SerializeAsString()}});
}

LogWriter::Changes LogWriter::Move(uint8_t receiver, int64_t epoch, const StatementRecord& book,
                                   uint8_t source, uint64_t listing) {
  replica::PageRecord page = MakePage(0, {book}, false);
  replica::PageRecord::Origin& origin = *page.add_origins();
  origin.set_public_key(TestKey(source).bytes());
  origin.set_listing_number(listing);
  origin.set_statement(1);
  replica::GraveRecord grave;
  grave.add_listing_numbers(listing);
  return {{NextPage(receiver, epoch), page.SerializeAsString()},
          {NextGrave(source), grave.SerializeAsString()}};
}

}  // namespace arkshare
