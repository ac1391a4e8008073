#include "service/simulate/people.h"

#include <array>

namespace billhook::simulate {
namespace {

constexpr std::array<Person, 14> kPeople = {{
    {"Jenny Rosen", "jenny.rosen", "+15555550101", "510 Example St", "San Francisco", "94103", "CA", "US",
     "en-US"},
    {"Ada Quill", "ada.quill", "+15555550102", "1 Sample Ave", "Portland", "97201", "OR", "US", "en-US"},
    {"Sam O'Hare", "sam.ohare", "+15555550103", "77 Placeholder Rd", "Austin", "73301", "TX", "US", "en-US"},
    {"Grace \"Gigi\" Moreau", "gigi.moreau", "+33199005501", "12 rue de l'Exemple", "Lyon", "69001", "", "FR",
     "fr"},
    {"José Álvarez", "jose.alvarez", "+34910055502", "Calle Ejemplo 8", "Madrid", "28001", "", "ES", "es"},
    {"Zoë Müller", "zoe.mueller", "+493000005503", "Beispielstraße 5", "Berlin", "10115", "", "DE", "de"},
    {"Łukasz Wiśniewski", "lukasz.w", "+48220005504", "ul. Przykładowa 3", "Kraków", "30-001", "", "PL",
     "pl"},
    {"Íris Nunes", "iris.nunes", "+351210005505", "Rua do Exemplo 21", "Lisboa", "1100-001", "", "PT", "pt"},
    {"渡辺 さくら", "sakura.w", "+81300005506", "例町 1-2-3", "東京", "100-0001", "東京都", "JP", "ja"},
    {"佐藤 健", "ken.sato", "+81600005507", "見本 4-5-6", "大阪", "530-0001", "大阪府", "JP", "ja"},
    {"Priya Raman", "priya.raman", "+15555550108", "9 Specimen Way", "Seattle", "98101", "WA", "US", "en-US"},
    {"Nils Åkesson", "nils.akesson", "+46800005509", "Exempelgatan 2", "Malmö", "211 20", "", "SE", "sv"},
    {"Chipo Dube", "chipo.dube", "+442000005510", "4 Template Row", "Leeds", "LS1 1AA", "", "GB", "en-GB"},
    {"Back\\Slash Trading", "orders", "+15555550111", "0 Null Island Pier", "Denver", "80202", "CO", "US",
     "en-US"},
}};

struct Brand {
  std::string_view name, last4;
};
constexpr std::array<Brand, 5> kBrands = {
    {{"visa", "4242"}, {"mastercard", "4444"}, {"amex", "8431"}, {"visa", "1881"}, {"jcb", "0505"}}};

}  // namespace

const Person* AnyPerson(Random& random) {
  return &kPeople[random.Below(kPeople.size())];
}

std::shared_ptr<Customer> NewCustomer(Teller& teller) {
  Random& random = teller.random();
  auto customer = std::make_shared<Customer>();
  customer->id = teller.world().ShortId("cus_");
  customer->person = AnyPerson(random);
  customer->email = std::string(customer->person->mailbox) + "+" + std::to_string(random.Between(1, 99'999)) +
                    "@example.com";
  customer->invoice_prefix = random.Hex(8);
  for (char& c : customer->invoice_prefix) c = c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c;
  customer->user_id = std::to_string(random.Between(100'000, 999'999));
  customer->created = teller.now();
  return customer;
}

std::shared_ptr<PaymentMethod> NewPaymentMethod(Teller& teller, const Person* owner, std::string_view type) {
  Random& random = teller.random();
  auto method = std::make_shared<PaymentMethod>();
  method->id = teller.world().Id("pm_");
  method->type = type;
  method->owner = owner;
  method->country = owner->country;
  method->created = teller.now();
  method->fingerprint = random.Base62(16);
  if (type == "card") {
    const Brand& brand = kBrands[random.Below(kBrands.size())];
    method->brand = brand.name;
    method->last4 = brand.last4;
    method->funding = random.Chance(70) ? "credit" : "debit";
    method->exp_month = static_cast<int>(random.Between(1, 12));
    method->exp_year = static_cast<int>(random.Between(2027, 2032));
  } else {
    method->country = "DE";
    method->last4 = "3000";
  }
  return method;
}

}  // namespace billhook::simulate
