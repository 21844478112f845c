#include "kexp/manifest/quantity.hpp"

#include <string>

#include <gmock/gmock.h>

namespace kexp::manifest {
namespace {

using namespace std::chrono_literals;

TEST(QuantityTest, ReadsCpus) {
  EXPECT_EQ(parse_cpu("2"), CpuQuantity{2000});
  EXPECT_EQ(parse_cpu("500m"), CpuQuantity{500});
  EXPECT_EQ(parse_cpu("1.5"), CpuQuantity{1500});
  EXPECT_EQ(parse_cpu("0.001"), CpuQuantity{1});
  EXPECT_EQ(parse_cpu("1.50000"), CpuQuantity{1500});
  EXPECT_EQ(parse_cpu("0"), CpuQuantity{0});
}

TEST(QuantityTest, RefusesWhatIsNoCpus) {
  for (const char* text :
       {"", "m", ".", "-1", "+1", "1.", ".5", "1.0005", "0.5m", "1 m", " 1", "1e3", "0x1", "1Gi", "two",
        "1.5.0", "9223372036854775807", "1.0000000000000000000000005", "1,5"}) {
    EXPECT_EQ(parse_cpu(text), std::nullopt) << text;
  }
}

TEST(QuantityTest, ReadsMemory) {
  EXPECT_EQ(parse_memory("512Mi"), MemoryQuantity{std::int64_t{512} << 20});
  EXPECT_EQ(parse_memory("1Gi"), MemoryQuantity{std::int64_t{1} << 30});
  EXPECT_EQ(parse_memory("1.5Gi"), MemoryQuantity{std::int64_t{3} << 29});
  EXPECT_EQ(parse_memory("1000000"), MemoryQuantity{1'000'000});
  EXPECT_EQ(parse_memory("1M"), MemoryQuantity{1'000'000});
  EXPECT_EQ(parse_memory("0.5k"), MemoryQuantity{500});
  EXPECT_EQ(parse_memory("7Ei"), MemoryQuantity{std::int64_t{7} << 60});
}

TEST(QuantityTest, RefusesWhatIsNoMemory) {
  for (const char* text : {"", "Gi", "1K", "1gi", "1GiB", "1GB", "500m", "-1Gi", "0.5", "1.0001k", "8Ei",
                           "9.3E", "1e9", "1 Gi", "1.9223372036854775808Gi"}) {
    EXPECT_EQ(parse_memory(text), std::nullopt) << text;
  }
}

TEST(QuantityTest, ReadsSeconds) {
  EXPECT_EQ(parse_seconds("15s"), 15s);
  EXPECT_EQ(parse_seconds("5m"), 300s);
  EXPECT_EQ(parse_seconds("2h"), 7200s);
  EXPECT_EQ(parse_seconds("0s"), 0s);
  for (const char* text :
       {"", "s", "15", "1.5s", "-1s", "1d", "1m30s", "15 s", "15S", "9223372036854775807h", "100ms"}) {
    EXPECT_EQ(parse_seconds(text), std::nullopt) << text;
  }
}

TEST(QuantityTest, WritesTheShortestExactForm) {
  EXPECT_EQ(to_text(CpuQuantity{2000}), "2");
  EXPECT_EQ(to_text(CpuQuantity{500}), "500m");
  EXPECT_EQ(to_text(CpuQuantity{1500}), "1500m");
  EXPECT_EQ(to_text(CpuQuantity{0}), "0");
  EXPECT_EQ(to_text(MemoryQuantity{std::int64_t{1} << 30}), "1Gi");
  EXPECT_EQ(to_text(MemoryQuantity{std::int64_t{1500} << 20}), "1500Mi");
  EXPECT_EQ(to_text(MemoryQuantity{1'000'000}), "1M");
  EXPECT_EQ(to_text(MemoryQuantity{1'000'001}), "1000001");
  EXPECT_EQ(to_text(MemoryQuantity{0}), "0");
  EXPECT_EQ(to_text(15s), "15s");
  EXPECT_EQ(to_text(90s), "90s");
}

TEST(QuantityTest, ReadsItsOwnText) {
  for (const std::int64_t number :
       {std::int64_t{1}, std::int64_t{999}, std::int64_t{1000}, std::int64_t{1024}, std::int64_t{5'000'000},
        std::int64_t{6} << 30, std::int64_t{123'456'789'012}}) {
    EXPECT_EQ(parse_cpu(to_text(CpuQuantity{number})), CpuQuantity{number});
    EXPECT_EQ(parse_memory(to_text(MemoryQuantity{number})), MemoryQuantity{number});
    EXPECT_EQ(parse_seconds(to_text(std::chrono::seconds(number))), std::chrono::seconds(number));
  }
}

TEST(QuantityTest, ReadsAddresses) {
  EXPECT_EQ(parse_ipv4("192.168.1.10"), 0xC0A8010AU);
  EXPECT_EQ(parse_ipv4("0.0.0.0"), 0U);
  EXPECT_EQ(parse_ipv4("255.255.255.255"), 0xFFFFFFFFU);
  for (const char* text :
       {"", "1", "1.2.3", "1.2.3.", "1.2.3.4.", "1.2.3.4.5", "256.0.0.1", "1.2.3.04", "1.2.3.-4", " 1.2.3.4",
        "1.2.3.4 ", "a.b.c.d", "1..2.3", "0x1.2.3.4", "1.2.3.4/8"}) {
    EXPECT_EQ(parse_ipv4(text), std::nullopt) << text;
  }
}

TEST(QuantityTest, ReadsNetworks) {
  const auto network = parse_cidr("10.244.0.0/16");
  ASSERT_TRUE(network.has_value());
  EXPECT_EQ(network->address, 0x0AF40000U);
  EXPECT_EQ(network->prefix, 16);
  EXPECT_TRUE(parse_cidr("0.0.0.0/0").has_value());
  EXPECT_TRUE(parse_cidr("10.0.0.1/32").has_value());
  for (const char* text : {"", "10.0.0.0", "10.0.0.0/", "/8", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/08",
                           "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0.0/8 ", "::/0"}) {
    EXPECT_FALSE(parse_cidr(text).has_value()) << text;
  }
}

TEST(QuantityTest, TellsWhichNetworksOverlap) {
  const auto overlap = [](const char* a, const char* b) {
    const bool result = parse_cidr(a)->overlaps(*parse_cidr(b));
    EXPECT_EQ(result, parse_cidr(b)->overlaps(*parse_cidr(a)));
    return result;
  };
  EXPECT_TRUE(overlap("10.0.0.0/8", "10.96.0.0/12"));
  EXPECT_TRUE(overlap("10.96.0.0/12", "10.96.0.0/12"));
  EXPECT_TRUE(overlap("0.0.0.0/0", "192.168.1.0/24"));
  EXPECT_FALSE(overlap("10.244.0.0/16", "10.96.0.0/12"));
  EXPECT_FALSE(overlap("192.168.0.0/24", "192.168.1.0/24"));
  EXPECT_TRUE(parse_cidr("192.168.1.0/24")->contains(*parse_ipv4("192.168.1.255")));
  EXPECT_FALSE(parse_cidr("192.168.1.0/24")->contains(*parse_ipv4("192.168.2.0")));
}

}  // namespace
}  // namespace kexp::manifest
