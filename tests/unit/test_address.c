/* test_address.c - where to listen, and who counts as one of this machine. */
#include "control/address.h"
#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static const struct {
    const char *text;
    int family; /* 0: no address */
    unsigned port;
} texts[] = {
    {"127.0.0.1:9600", AF_INET, 9600},
    {"0.0.0.0:0", AF_INET, 0},
    {"localhost:1", AF_INET, 1},
    {"[::1]:9600", AF_INET6, 9600},
    {"[fe80::1]:65535", AF_INET6, 65535},
    {":9600", AF_INET6, 9600},
    {"", 0, 0},
    {"9600", 0, 0},
    {":", 0, 0},
    {":65536", 0, 0},
    {":-1", 0, 0},
    {":96 00", 0, 0},
    {"127.0.0.1", 0, 0},
    {"127.0.0.1:", 0, 0},
    {"127.0.0:80", 0, 0},
    {"::1:9600", 0, 0},
    {"[::1:9600", 0, 0},
    {"[]:9600", 0, 0},
    {"example.com:80", 0, 0},
    {"0000000000000000000000000000000000000000000000000000000000000000000000:80", 0, 0},
};

START_TEST(parses_each_text)
{
    sl_address a;

    ck_assert_int_eq(sl_address_parse(texts[_i].text, &a), texts[_i].family != 0);
    if (!texts[_i].family)
        return;
    ck_assert_int_eq(a.addr.ss_family, texts[_i].family);
    ck_assert_uint_eq(ntohs(((struct sockaddr_in *)&a.addr)->sin_port), texts[_i].port);
}
END_TEST

static const struct {
    const char *peer; /* without its port */
    bool is_loopback;
} peers[] = {
    {"127.0.0.1", true},          {"127.9.8.7", true},  {"[::1]", true},
    {"[::ffff:127.0.0.1]", true}, {"10.0.0.1", false},  {"128.0.0.1", false},
    {"0.0.0.0", false},           {"[::]", false},      {"[fe80::1]", false},
    {"[::ffff:10.0.0.1]", false}, {"[7f00::1]", false}, {"[::127.0.0.1]", false},
};

START_TEST(knows_each_peer)
{
    char text[64];
    sl_address a;

    snprintf(text, sizeof text, "%s:1", peers[_i].peer);
    ck_assert(sl_address_parse(text, &a));
    ck_assert_int_eq(sl_address_is_loopback((struct sockaddr *)&a.addr), peers[_i].is_loopback);
}
END_TEST

START_TEST(a_peer_without_an_address_is_none_of_ours)
{
    struct sockaddr nobody = {.sa_family = AF_UNSPEC};

    ck_assert(!sl_address_is_loopback(&nobody));
}
END_TEST

static const struct {
    const char *host;
    bool is_loopback;
} hosts[] = {
    {"localhost", true},      {"localhost:9600", true},  {"127.0.0.1:9600", true},
    {"[::1]", true},          {"[::1]:9600", true},      {"", false},
    {"evil.example", false},  {"localhost.evil", false}, {"127.0.0.1.evil:80", false},
    {"10.0.0.1:9600", false}, {"[::2]:9600", false},     {"[::1", false},
};

START_TEST(knows_each_host)
{
    ck_assert_int_eq(sl_address_names_loopback(hosts[_i].host), hosts[_i].is_loopback);
}
END_TEST

SL_UNIT(SL_ROWS(parses_each_text, texts), SL_ROWS(knows_each_peer, peers),
        SL_ONE(a_peer_without_an_address_is_none_of_ours), SL_ROWS(knows_each_host, hosts))
