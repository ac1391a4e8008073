#include "projections/payment_ledger/family.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "domain/check.h"

namespace billhook::ledger {
namespace {

using stripe::MoneyKind;

constexpr std::string_view kFee = "fee";
constexpr std::size_t kNobody = static_cast<std::size_t>(-1);

// A family at one time: which objects have arrived, and who belongs to whom.
struct Standing {
  std::vector<std::optional<SourceObject>> objects;
  std::vector<std::size_t> parents;
  std::vector<std::vector<std::size_t>> children;

  [[nodiscard]] bool Is(std::size_t member, MoneyKind kind) const {
    return objects[member] && objects[member]->state().kind == kind;
  }

  [[nodiscard]] Objects ChildrenOf(std::size_t member, MoneyKind kind) const {
    Objects found;
    for (std::size_t child : children[member]) {
      if (Is(child, kind)) found.push_back(&*objects[child]);
    }
    return found;
  }

  [[nodiscard]] std::size_t RootOf(std::size_t member) const {
    while (parents[member] != kNobody) member = parents[member];
    return member;
  }

  // What the member says itself comes before what its parents say.
  [[nodiscard]] Links LinksOf(std::size_t member) const {
    Links links;
    const auto take = [](std::optional<std::string>& link, const std::optional<std::string>& said) {
      if (!link) link = said;
    };
    for (std::size_t at = member; at != kNobody; at = parents[at]) {
      if (objects[at]) {
        const stripe::MoneyObject& state = objects[at]->state();
        take(links.customer, state.customer);
        take(links.invoice, state.invoice);
        take(links.payment_intent, state.payment_intent);
        if (state.kind == MoneyKind::kPaymentIntent) take(links.payment_intent, state.id);
        if (state.kind == MoneyKind::kInvoice) take(links.invoice, state.id);
      }
      // Since 2025-03-31 neither intent nor charge names its invoice: the invoice's payments name them.
      const SourceObject* allotment = nullptr;
      for (const SourceObject* payment : ChildrenOf(at, MoneyKind::kInvoicePayment)) {
        if (allotment == nullptr || allotment->newest->moment < payment->newest->moment ||
            (allotment->newest->moment == payment->newest->moment &&
             allotment->newest->event_id < payment->newest->event_id)) {
          allotment = payment;
        }
      }
      if (allotment != nullptr) take(links.invoice, allotment->state().invoice);
    }
    return links;
  }

  // What refunds that name nothing but the payment intent brought back of this charge: they are shared out
  // over the intent's charges, in the members' order, as far as each says more than its own refunds account
  // for.
  [[nodiscard]] Int128 UnnamedRefundsOf(std::size_t charge) const {
    const std::size_t intent = parents[charge];
    if (intent == kNobody) return 0;
    Int128 left = SumOf(ChildrenOf(intent, MoneyKind::kRefund));
    for (std::size_t sibling : children[intent]) {
      if (left == 0 || !Is(sibling, MoneyKind::kCharge)) continue;
      const Int128 open = objects[sibling]->state().refunded - SumOf(ChildrenOf(sibling, MoneyKind::kRefund));
      const Int128 share = std::clamp<Int128>(open, 0, left);
      if (sibling == charge) return share;
      left -= share;
    }
    return 0;
  }

  static Int128 SumOf(const Objects& some) {
    Int128 sum = 0;
    for (const SourceObject* object : some) sum += object->state().amount;
    return sum;
  }
};

void Append(Entries& entries, Entries more) {
  for (Entry& entry : more) entries.push_back(std::move(entry));
}

// The payment that the member owns: its own charges' if it is an intent (or the place of one that has not
// arrived), its own if it is a charge without intent.
Entries OwnPayment(const Standing& standing, std::size_t member) {
  const std::optional<SourceObject>& object = standing.objects[member];
  if (standing.Is(member, MoneyKind::kCharge)) {
    if (object->state().payment_intent) return {};
    return PaymentEntries(object->state().id, nullptr, {&*object}, standing.LinksOf(member));
  }
  if (object && object->state().kind != MoneyKind::kPaymentIntent) return {};
  const Objects charges = standing.ChildrenOf(member, MoneyKind::kCharge);
  if (object) return PaymentEntries(object->state().id, &*object, charges, standing.LinksOf(member));
  if (charges.empty()) return {};
  Links links = standing.LinksOf(member);
  links.payment_intent = charges.front()->state().payment_intent;
  return PaymentEntries(*links.payment_intent, nullptr, charges, links);
}

Entries OwnEntries(const Standing& standing, std::size_t member) {
  Entries entries = OwnPayment(standing, member);
  if (!standing.objects[member]) return entries;
  const SourceObject& object = *standing.objects[member];
  const Links links = standing.LinksOf(member);
  switch (object.state().kind) {
    case MoneyKind::kCharge:
      Append(entries, RefundRestEntries(object, standing.ChildrenOf(member, MoneyKind::kRefund),
                                        standing.UnnamedRefundsOf(member), links));
      break;
    case MoneyKind::kRefund:
      Append(entries, RefundEntries(object, links));
      break;
    case MoneyKind::kDispute:
      Append(entries, DisputeEntries(object, links));
      break;
    case MoneyKind::kPayout:
      Append(entries, PayoutEntries(object));
      break;
    case MoneyKind::kInvoice:
      Append(entries,
             OutOfBandInvoiceEntries(object, standing.ChildrenOf(member, MoneyKind::kInvoicePayment)));
      break;
    case MoneyKind::kInvoicePayment:
      Append(entries, OutOfBandPaymentEntries(object, links));
      break;
    case MoneyKind::kPaymentIntent:
      break;
  }
  Append(entries, FeeEntries(object, links));
  return entries;
}

// A balance transaction is one fact, whichever objects show it: the member whose word is newest books its
// fee.
void KeepOneFeeEach(const Standing& standing, std::vector<Entries>& entries) {
  std::map<std::pair<std::size_t, std::string>, std::size_t> booked_by;  // by tree and transaction
  const auto is_newer = [&standing](std::size_t a, std::size_t b) {
    const Sighting& one = *standing.objects[a]->listing;
    const Sighting& other = *standing.objects[b]->listing;
    return std::tie(one.moment, one.event_id) > std::tie(other.moment, other.event_id);
  };
  for (std::size_t i = 0; i < entries.size(); ++i) {
    for (const Entry& entry : entries[i]) {
      if (entry.type != kFee) continue;
      const auto [known, added] = booked_by.emplace(std::make_pair(standing.RootOf(i), entry.source), i);
      if (!added && is_newer(i, known->second)) known->second = i;
    }
  }
  for (std::size_t i = 0; i < entries.size(); ++i) {
    std::erase_if(entries[i], [&](const Entry& entry) {
      return entry.type == kFee && booked_by.at({standing.RootOf(i), entry.source}) != i;
    });
  }
}

}  // namespace

Family::Family(std::vector<const SightedObject*> members) : members_(std::move(members)) {
  for (std::size_t i = 0; i < members_.size(); ++i) index_.emplace(members_[i]->key, i);
}

std::vector<Entries> Family::EntriesAt(std::int64_t created_s) const {
  Standing standing;
  standing.parents.assign(members_.size(), kNobody);
  standing.children.resize(members_.size());
  for (std::size_t i = 0; i < members_.size(); ++i) {
    standing.objects.push_back(members_[i]->At(created_s));
    if (!standing.objects[i] || standing.objects[i]->newest->parent_key.empty()) continue;
    const auto parent = index_.find(standing.objects[i]->newest->parent_key);
    BILLHOOK_CHECK(parent != index_.end());
    standing.parents[i] = parent->second;
    standing.children[parent->second].push_back(i);
  }
  std::vector<Entries> entries;
  entries.reserve(members_.size());
  for (std::size_t i = 0; i < members_.size(); ++i) entries.push_back(OwnEntries(standing, i));
  KeepOneFeeEach(standing, entries);
  return entries;
}

std::vector<std::int64_t> Family::SecondsFrom(std::int64_t from_s) const {
  std::set<std::int64_t> seconds;
  for (const SightedObject* member : members_) {
    for (const Sighting& sighting : member->sightings) {
      if (sighting.moment.created_s >= from_s) seconds.insert(sighting.moment.created_s);
    }
  }
  return {seconds.begin(), seconds.end()};
}

}  // namespace billhook::ledger
