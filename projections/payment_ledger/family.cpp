#include "projections/payment_ledger/family.h"

#include <set>

#include "domain/check.h"

namespace billhook::ledger {
namespace {

using stripe::MoneyKind;

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

  // The refund objects that may stand behind a charge's amount_refunded: its own, and those that name nothing
  // but its payment intent.
  [[nodiscard]] Objects RefundsOf(std::size_t charge) const {
    Objects refunds = ChildrenOf(charge, MoneyKind::kRefund);
    if (parents[charge] != kNobody) {
      const Objects of_intent = ChildrenOf(parents[charge], MoneyKind::kRefund);
      refunds.insert(refunds.end(), of_intent.begin(), of_intent.end());
    }
    return refunds;
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
      Append(entries, RefundRestEntries(object, standing.RefundsOf(member), links));
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
