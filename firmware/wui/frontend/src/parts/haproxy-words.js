// The words that begin the lines of haproxy.cfg, by section: what the editor offers.

const BALANCING = `acl balance bind capture compression cookie default-server default_backend description disabled email-alert enabled error-log-format
errorfile errorfiles errorloc errorloc302 errorloc303 filter force-persist fullconn grace guid hash-balance-factor hash-type http-after-response http-check
http-error http-request http-response http-reuse http-send-name-header id ignore-persist load-server-state-from-file log log-format log-format-sd log-tag
max-keep-alive-queue max-session-srv-conns maxconn mode monitor monitor-uri option persist rate-limit redirect retries retry-on server
server-state-file-name server-template source stats stick stick-table tcp-check tcp-request tcp-response timeout transparent unique-id-format
unique-id-header use_backend use-fcgi-app use-server`.split(/\s+/);

const GLOBAL = `ca-base chroot cpu-map crt-base daemon default-path description external-check gid group h1-case-adjust hard-stop-after insecure-fork-wanted
insecure-setuid-wanted issuers-chain-path log log-send-hostname log-tag lua-load lua-load-per-thread lua-prepend-path maxcompcpuusage maxcomprate maxconn
maxconnrate maxpipes maxsessrate maxsslconn maxsslrate maxzlibmem mworker-max-reloads nbthread node numa-cpu-mapping pidfile presetenv resetenv server-state-base
server-state-file set-dumpable set-var setenv spread-checks ssl-default-bind-ciphers ssl-default-bind-ciphersuites ssl-default-bind-curves
ssl-default-bind-options ssl-default-server-ciphers ssl-default-server-ciphersuites ssl-default-server-options ssl-dh-param-file ssl-server-verify
stats strict-limits tune.bufsize tune.comp.maxlevel tune.http.cookielen tune.http.logurilen tune.http.maxhdr tune.idle-pool.shared tune.maxaccept
tune.maxrewrite tune.ssl.cachesize tune.ssl.default-dh-param tune.ssl.lifetime tune.ssl.maxrecord ulimit-n unix-bind unsetenv user
zero-warning`.split(/\s+/);

/** The sections, with the words of each. */
export const SECTIONS = {
  global: GLOBAL,
  defaults: BALANCING,
  frontend: BALANCING,
  backend: BALANCING,
  listen: BALANCING,
  peers: ["bind", "default-bind", "default-server", "disabled", "enabled", "log", "peer", "server", "table"],
  resolvers: ["accepted_payload_size", "hold", "nameserver", "parse-resolv-conf", "resolve_retries", "timeout"],
  userlist: ["group", "user"],
  mailers: ["mailer", "timeout"],
  cache: ["max-age", "max-object-size", "max-secondary-entries", "process-vary", "total-max-size"],
  "http-errors": ["errorfile"],
  ring: ["description", "format", "maxlen", "server", "size", "timeout"],
  program: ["command", "option"],
  "fcgi-app": ["acl", "docroot", "index", "log-stderr", "option", "pass-header", "path-info", "set-param"],
};

/** The second words after `option`, `timeout` and `mode`. */
export const FOLLOWING = {
  option: `abortonclose accept-invalid-http-request accept-invalid-http-response allbackups checkcache clitcpka contstats disable-h2-upgrade dontlog-normal
dontlognull external-check forwardfor http-buffer-request http-ignore-probes http-keep-alive http-no-delay http-pretend-keepalive http-restrict-req-hdr-names
http-server-close http-use-proxy-header httpchk httpclose httplog independent-streams ldap-check log-health-checks log-separate-errors logasap mysql-check
nolinger originalto persist pgsql-check prefer-last-server redis-check redispatch smtpchk socket-stats splice-auto splice-request splice-response srvtcpka
ssl-hello-chk tcp-check tcp-smart-accept tcp-smart-connect tcpka tcplog transparent`.split(/\s+/),
  timeout: ["check", "client", "client-fin", "connect", "http-keep-alive", "http-request", "queue", "server", "server-fin", "tarpit", "tunnel"],
  mode: ["http", "tcp"],
};
