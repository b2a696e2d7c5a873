// The words that begin the lines of ipvsd's file, which is keepalived's for layer 4, by what the braces belong to: what the editor
// offers. What would run a program is not among them: the checker of this node refuses it.

const CHECK = ["connect_ip", "connect_port", "connect_timeout", "bindto", "bind_port", "fwmark", "warmup", "delay_loop", "retry", "delay_before_retry", "alpha", "log_all_failures"];
const HTTP = [...CHECK, "url", "http_protocol", "tls_compliant", "fast_recovery", "status_code", "virtualhost", "enable_sni"];
const SERVER = `accept alpha connection_limit delay_before_retry delay_loop ha_suspend hysteresis inhibit_on_failure ip_family lb_algo lb_kind lvs_method lvs_sched
omega ops persistence_engine persistence_granularity persistence_timeout protocol quorum real_server retry smtp_alert sorry_server
sorry_server_inhibit sorry_server_lvs_method virtualhost warmup weight`.split(/\s+/);

/** The words in the braces of each word; "" for what stands outside. */
export const INSIDE = {
  "": ["global_defs", "virtual_server", "virtual_server_group"],
  global_defs: `checker_log_all_failures lvs_flush lvs_flush_on_stop lvs_timeouts no_email_faults notification_email notification_email_from router_id
smtp_alert smtp_alert_checker smtp_connect_timeout smtp_helo_name smtp_server`.split(/\s+/),
  virtual_server: SERVER,
  virtual_server_group: ["fwmark"],
  real_server: `BFD_CHECK DNS_CHECK HTTP_GET PING_CHECK SMTP_CHECK SSL_GET TCP_CHECK UDP_CHECK alpha connection_limit delay_before_retry delay_loop
inhibit_on_failure log_all_failures lower_connection_limit lvs_method retry smtp_alert upper_connection_limit virtualhost warmup weight`.split(/\s+/),
  TCP_CHECK: CHECK,
  UDP_CHECK: [...CHECK, "payload", "require_reply", "min_reply_length", "max_reply_length"],
  PING_CHECK: CHECK,
  DNS_CHECK: [...CHECK, "type", "name"],
  SMTP_CHECK: [...CHECK, "helo_name", "host"],
  BFD_CHECK: ["name"],
  HTTP_GET: HTTP,
  SSL_GET: HTTP,
  url: ["path", "digest", "status_code", "regex", "regex_no_match", "regex_options", "virtualhost", "tls_compliant"],
};

/** The second words after some first ones. */
export const AFTER = {
  lb_algo: ["rr", "wrr", "lc", "wlc", "lblc", "lblcr", "sh", "mh", "dh", "fo", "ovf", "sed", "nq", "twos"],
  lb_kind: ["NAT", "DR", "TUN"],
  protocol: ["TCP", "UDP", "SCTP"],
  ip_family: ["inet", "inet6"],
};
AFTER.lvs_sched = AFTER.lb_algo;
AFTER.lvs_method = AFTER.lb_kind;
