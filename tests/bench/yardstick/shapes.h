/* shapes.h - what the generated logs look like: data only, read by mix.c; template.h has the language.
 *
 * A message is one of its shape's lines, drawn by weight. The weights and the width of the numbers are
 * tuned so that `mix` has about 180 bytes a line and shrinks about fourfold under gzip -1, as real logs
 * did. A change here changes every figure: measure with `make corpus`, and say so. */
/* clang-format off: one template a line */
#ifndef SHAPES_H
#define SHAPES_H

#include <stddef.h>

static const char *const words[][2] = {
    {"ip", "10.<0-3>.<0-255>.<1-254>"},
    {"client", "<<1-223>.<0-255>.<0-255>.<1-254>|<ip>>"},
    {"uuid", "<x8>-<x4>-4<x3>-8<x3>-<x12>"},
    {"user", "<anna|bob|carol|dmitri|emeka|fatima|george|hana|ivan|julia|kenji|lars|maria|nadia|"
             "omar|priya|quentin|rosa|sam|tom|uma|José|Zoë|Søren|Łukasz|李雷|Αλέξης>"},
    {"word", "<shoes|lamp|garden|coffee|camera|desk|bottle|winter|music|phone|bicycle|kettle|"
             "pillow|tent|carpet|puzzle|violin|shelf|socks|heater>"},
    {"method", "<GET|GET|GET|GET|GET|POST|POST|PUT|DELETE>"},
    {"status", "<200|200|200|200|200|200|200|201|204|301|304|400|401|404|404|500|503>"},
    {"path", "</api/v1/<users|orders|carts|items>/<1-99999999>|/api/v1/<users|orders|carts|items>/"
             "<uuid>|/api/v1/search?q=<word>+<word>&page=<1-20>|/healthz|/static/js/app.<x8>.js|/"
             "img/<word>/<1-9999999>.webp|/login?next=%2F<word>&s=<x16>|/checkout/<x12>|/>"},
    {"service",
     "<cart|catalog|checkout|payments|search|users|shipping|mail|stock|reviews|prices|gateway>"},
    {"level", "<info|info|info|info|info|warn|error|debug>"},
    {"thread", "<http-nio-8080-exec-<1-40>|http-nio-8080-exec-<1-40>|scheduler-<1-9>|pool-<1-4>-"
               "thread-<1-32>>"},
    {"class", "<CartService|OrderRepository|PaymentClient|UserController|PriceCalculator|"
              "StockListener|SessionFilter|CouponEngine>"},
    {"call", "<find|load|apply|invoke|handle|process|execute|doFilter|lambda$0|accept>"},
    {"frames", "<*4-14 \n\tat com.shop.<service>.<class>.<call>(<class>.java:<20-400>)>"},
    {"browser", "Mozilla/5.0 (<Windows NT 10.0; Win64; x64|Macintosh; Intel Mac OS X "
                "10_15_7|Linux; Android 1<2-5>; Pixel <6-9>>) AppleWebKit/537.36 (KHTML, like "
                "Gecko) Chrome/1<18-30>.0.0.0 Safari/537.36"},
    {"agent", "<<browser>|Mozilla/5.0 (iPhone; CPU iPhone OS 17_<0-5> like Mac OS "
              "X)|okhttp/4.<0-12>.<0-3>|curl/8.<0-9>.0|kube-probe/1.29|Go-http-client/"
              "2.0|python-requests/2.<20-31>.0>"},
    {"item", "{\"sku\":\"A-<x6>\",\"qty\":<1-9>,\"price\":<100-99999>},"},
};

struct line {
    unsigned weight;
    const char *text;
};

#define LINES_MAX 6

struct shape {
    const char *name; /* also its containers' */
    struct line lines[LINES_MAX];
};

#define JAVA   "<%F %T>,<ms> "
#define SPRING "<%FT%T>.<ms>Z  "
#define KLOG   "<%m%d %T>.<us>       1 "
#define BROKER "[<%F %T>,<ms>] "
#define SYSLOG "<%b %e %T> <pod> sshd[<1000-32767>]: "
#define NGINX                                                                              \
    "<client> - <-|-|<user>> [<%d/%b/%Y:%T +0000>] \"<method> <path> HTTP/1.1\" <status> " \
    "<~90000> "

static const struct shape mix_shapes[] = {
    {"logback",
     {
         {30, JAVA "INFO  [<thread>] c.s.cart.<class> - Added sku=A-<x6> qty=<1-9> to cart <uuid> "
                   "for <user> in <~900> ms"},
         {20, JAVA "DEBUG [<thread>] c.s.cart.<class> - Cache <hit|hit|miss> for key cart:<x12>, "
                   "ttl <~3600> s"},
         {9, JAVA "WARN  [<thread>] c.s.stock.StockListener - Stock of A-<x6> (<word>) is low: "
                  "<0-9> left, <~40> reserved"},
         {1, JAVA "ERROR [<thread>] c.s.cart.<class> - Request <uuid> "
                  "failed\njava.lang.<IllegalStateException: cart <10000-99999> is "
                  "closed|NullPointerException: null><frames>\nCaused by: "
                  "java.sql.SQLTransientConnectionException: pool-1 - Connection is not available, "
                  "request timed out after 30000ms.<frames>\n\t... <20-60> common frames omitted"},
     }},
    {"spring",
     {
         {12, SPRING "INFO 1 --- [nio-8080-exec-<1-9>] c.s.<service>.<class> : <method> <path> "
                     "<status> in <~1200>ms trace=<x16>"},
         {3, SPRING "INFO 1 --- [ntainer#0-<0-9>-C-1] o.a.k.c.c.ConsumerCoordinator : "
                    "[clientId=consumer-<service>-<1-9>, groupId=<service>] Committed offset "
                    "<100000000-999999999> for partition <word>-<0-11>"},
         {2, SPRING "WARN 1 --- [   scheduling-1] c.z.hikari.pool.HikariPool : Clock leap detected "
                    "(housekeeper delta=<40-90>s<100-999>ms<100-999>µs)."},
     }},
    {"logfmt",
     {
         {6,
          "ts=<%FT%T>.<us>Z caller=metrics.go:<100-300> level=<level> traceID=<x16> "
          "latency=<fast|fast|slow> query_type=<filter|metric> duration=<~9000>.<100000-999999>ms "
          "status=<status> bytes=<~900000000> lines=<~400000>"},
         {4, "ts=<%FT%T>.<us>Z caller=compact.go:519 level=info component=tsdb msg=\"write block\" "
             "mint=17<10000000-99999999>000 maxt=17<10000000-99999999>000 ulid=01J<x16> "
             "duration=<1-9>.<100000000-999999999>s"},
         {4, "ts=<%FT%T>.<us>Z caller=checkpoint.go:<80-120> level=<level> msg=\"Creating "
             "checkpoint\" from=<100000-999999> to=<100000-999999> user=<user>"},
     }},
    {"klog",
     {
         {5,
          "I" KLOG
          "reconciler.go:<200-299>] \"MountVolume started for volume \\\"kube-api-access-<x5>\\\" "
          "(UniqueName: \\\"<uuid>\\\") pod \\\"<service>-<x9>-<x5>\\\"\""},
         {6, "I" KLOG "httplog.go:132] \"HTTP\" verb=\"<GET|LIST|WATCH|PATCH>\" "
             "URI=\"/api/v1/namespaces/<service>/<pods|endpoints|configmaps>/<service>-<x9>-<x5>\" "
             "latency=\"<~90>.<100000-999999>ms\" srcIP=\"<ip>:<30000-60999>\" resp=<status>"},
         {3, "W" KLOG "reflector.go:462] watch of *v1.<Pod|Node|Service> ended with: too old "
             "resource version: <100000000-999999999> (<100000000-999999999>)"},
     }},
    {"zap",
     {
         {4, "{\"level\":\"<level>\",\"ts\":\"<%FT%T>.<us>Z\",\"logger\":\"<service>\",\"caller\":"
             "\"controller.go:<100-400>\",\"msg\":\"Reconciled\",\"name\":\"<service>-<x9>-<x5>\","
             "\"id\":\"<uuid>\",\"duration\":0.<100000000-999999999>}"},
         {5, "{\"level\":\"<level>\",\"ts\":\"<%FT%T>.<us>Z\",\"caller\":\"http.go:88\",\"msg\":\"<"
             "method> <path>\",\"status\":<status>,\"took_ms\":<~2000>,\"user\":\"<user>\"}"},
     }},
    {"nginx",
     {
         {9, NGINX "\"<-|https://www.example.com/search?q=<word>+<word>&sid=<x8>>\" \"<agent>\""},
         {1, "<%Y/%m/%d %T> [error] 7#7: *<1000-9999999> upstream timed out (110: Connection timed "
             "out), client: <client>, request: \"<method> <path> HTTP/1.1\", upstream: "
             "\"http://<ip>:8080/\""},
     }},
    {"envoy",
     {
         {1, "[<%FT%T>.<ms>Z] \"<method> <path> HTTP/1.1\" <status> - via_upstream - \"-\" <~900> "
             "<~40000> <~900> \"<client>\" \"<agent>\" \"<uuid>\" \"<service>.shop\" \"<ip>:8080\" "
             "inbound|8080|| -"},
     }},
    {"postgres",
     {
         {6, "<%F %T>.<ms> UTC [<100-32000>] app@shop LOG:  duration: <~900>.<100-999> ms  execute "
             "stmt_<1-40>: SELECT * FROM <items|orders|users> WHERE id = $1 AND <word> > "
             "$2\n\tDETAIL:  parameters: $1 = '<uuid>', $2 = '<~99999>'"},
         {2, "<%F %T>.<ms> UTC [<20-60>] LOG:  checkpoint complete: wrote <~90000> buffers "
             "(<0-9>.<0-9>%); 0 WAL file(s) added, <0-3> removed, <0-9> recycled; "
             "write=<10-299>.<100-999> s, sync=<0-9>.<100-999> s"},
         {3, "<%F %T>.<ms> UTC [<100-32000>] app@shop ERROR:  duplicate key value violates unique "
             "constraint \"<word>_key\"\n\tDETAIL:  Key "
             "(email)=(<user>.<word><1-99999>@example.com) already exists."},
     }},
    {"redis",
     {
         {3, "1:M <%d %b %Y %T>.<ms> * <1-10000> changes in <60|300> seconds. Saving..."},
         {3, "<100-32000>:C <%d %b %Y %T>.<ms> * Fork CoW for RDB: current <0-99> MB, peak <0-99> "
             "MB, average <0-99> MB"},
         {5, "1:M <%d %b %Y %T>.<ms> # Client id=<1000-999999> addr=<ip>:<30000-60999> fd=<8-999> "
             "age=<~9000> idle=<~900> omem=<~99999999> cmd=<get|set|hgetall|lrange> scheduled to "
             "be closed ASAP"},
     }},
    {"kafka",
     {
         {3,
          BROKER "INFO [GroupCoordinator 1]: Member consumer-<service>-<1-90>-<uuid> in group "
                 "<service>-<word> has failed, generation <1-90000> (k.c.group.GroupCoordinator)"},
         {4, BROKER
          "INFO [UnifiedLog partition=<word>-<0-23>, dir=/var/lib/kafka/data-<0-3>] Rolled new log "
          "segment at offset <1000000000-9999999999> in <~40> ms. (kafka.log.UnifiedLog)"},
         {3,
          BROKER "INFO Deleting segment LogSegment(baseOffset=<1000000000-9999999999>, "
                 "size=<~1073741824>, largestRecordTimestamp=Some(17<10000000-99999999><100-999>)) "
                 "of <word>-<0-23> (kafka.log.LogManager)"},
     }},
    {"spark",
     {
         {5, "<%y/%m/%d %T> INFO executor.Executor: Finished task <0-1999>.0 in stage <0-900>.0 "
             "(TID <~900000>). <1000-30000> bytes result sent to driver"},
         {4, "<%y/%m/%d %T> INFO rdd.HadoopRDD: Input split: "
             "hdfs://<ip>:9000/<word>/<word>/"
             "part-<10000-99999>-<uuid>:<~1073741824>+<10000000-99999999>"},
         {4, "<%y/%m/%d %T> INFO storage.MemoryStore: Block broadcast_<1-9000>_piece<0-9> stored "
             "as bytes in memory (estimated size <1-900>.<0-9> KB, free <1-900>.<0-9> MB)"},
         {3, "<%y/%m/%d %T> <INFO|WARN> storage.ShuffleBlockFetcherIterator: Started <~900> remote "
             "fetches in <~900> ms from <ip>:<30000-60999>"},
     }},
    {"sshd",
     {
         {4, SYSLOG "Failed password for <root|invalid user <user>|invalid user <word>> from "
                    "<client> port <1024-65535> ssh2"},
         {2, SYSLOG "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh "
                    "ruser= rhost=<client>  user=<user>"},
         {3, SYSLOG "Accepted publickey for <user> from <client> port <1024-65535> ssh2: ED25519 "
                    "SHA256:<x16><x16><x11>"},
         {2, SYSLOG "Received disconnect from <client> port <1024-65535>:11: Bye Bye [preauth]"},
     }},
    {"python",
     {
         {30, "<%F %T>,<ms> - shop.tasks.<mail|invoice|export> - INFO - Task "
              "<send|render|upload>[<uuid>] succeeded in <0-9>.<100000000-999999999>s: {'user': "
              "'<user>', 'items': <1-40>}"},
         {30, "<%F %T>,<ms> - urllib3.connectionpool - DEBUG - http://<service>.shop:8080 "
              "\"<method> <path> HTTP/1.1\" <status> <~20000>"},
         {1, "<%F %T>,<ms> - shop.tasks.export - ERROR - Task upload[<uuid>] raised\nTraceback "
             "(most recent call last):<*2-7 \n  File \"/app/shop/<tasks|storage|client>.py\", line "
             "<10-400>, in <send|render|upload|retry>\n    return self.<send|render|upload>(*args, "
             "**kwargs)>\nConnectionError: ('Connection aborted.', ConnectionResetError(104, "
             "'Connection reset by peer'))"},
     }},
    {"dotnet",
     {
         {4, "<info|info|warn>: AspNetCore.Hosting.Diagnostics[2]\n      Request finished HTTP/2 "
             "<method> https://<service>.shop<path> - <status> <~90000> application/json "
             "<~900>.<1000-9999>ms trace <x16><x16>"},
         {3,
          "info: EntityFrameworkCore.Database.Command[20101]\n      Executed DbCommand (<~900>ms) "
          "[Parameters=[@p0='<uuid>', @p1='<word>' (Size = <~4000>)], CommandTimeout='30']"},
     }},
    {"morgan",
     {
         {5, "::ffff:<ip> - - [<%d/%b/%Y:%T +0000>] \"<method> <path> HTTP/1.1\" <status> <~9000> "
             "\"-\" \"<agent>\" - <~900>.<100-999> ms"},
         {3,
          "<%FT%T>.<ms>Z <level> [worker <1-4>] job <uuid> (<word>) done in <~9000>ms for <user>"},
     }},
    {"coredns",
     {
         {1,
          "[INFO] <ip>:<30000-60999> - <1-65535> \"<A|AAAA> IN <service>.<word>.svc.cluster.local. "
          "udp <40-60> false 512\" <NOERROR|NXDOMAIN> qr,aa,rd <90-200> 0.000<100000-999999>s"},
     }},
};

static const struct shape json_shapes[] = {
    {"json",
     {
         {1, "{\"time\":\"<%FT%T>.<us>Z\",\"msg\":\"<Request processed|User authenticated|Payment "
             "initiated|Cache miss|Session expired|Validation "
             "failed>\",\"seq\":<~9000000>,\"level\":\"<level>\",\"component\":\"<service>-"
             "service\",\"method\":\"<method>\",\"status_code\":<status><,\"duration_ms\":<~1000>|,"
             "\"duration_ms\":<~1000>|>,\"environment\":\"<production|staging>\"<,\"user_id\":"
             "\"user_<1-9999>\"|,\"user_id\":\"user_<1-9999>\"|><,\"bytes_sent\":<~9999>|><,"
             "\"trace_id\":\"<x16>\"|||><|,\"error_type\":\"<TimeoutError|ConnectionError>\"|>}"},
     }}};

static const struct shape nginx_shapes[] = {
    {"nginx",
     {
         {1, NGINX
          "\"https://www.example.com/search?q=<word>+<word>+<word>&sid=<x8>&biw=1920&bih=1080\" "
          "\"<browser>\" rt=0.<100-999> uct=\"0.<100-999>\" uht=\"0.<100-999>\" "
          "urt=\"0.<100-999>\" sid=<x16><x16> request_id=<uuid> host=\"www.example.com\" "
          "server=\"shop-frontend\" upstream=\"<ip>:8080\""},
     }}};

static const struct shape short_shapes[] = {{"short",
                                             {
                                                 {3, "<method> <path> <status> <~900>ms"},
                                                 {2, "<level>: tick <~90000>"},
                                             }}};

static const struct {
    const char *name;
    const struct shape *shapes;
    size_t count;
} corpora[] = {
    {"mix", mix_shapes, sizeof mix_shapes / sizeof *mix_shapes},
    {"json", json_shapes, 1},
    {"nginx", nginx_shapes, 1},
    {"short", short_shapes, 1},
};

static const char long_text[] = "<%F %T>.<ms> DEBUG request body: [<*420-1100 <item>>]";

#endif
