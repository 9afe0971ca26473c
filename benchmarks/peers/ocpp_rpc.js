// A central system on ocpp-rpc in strict mode (both ways validated against the 2.0.1 schemas). It stores nothing.
// Run with the folder of the installed package's node_modules as the argument.
const { createRequire } = require("node:module");
const load = createRequire(process.argv[2] + "/");
const { RPCServer } = load("ocpp-rpc");
const server = new RPCServer({ protocols: ["ocpp2.0.1"], strictMode: true });
server.auth((accept) => accept());
server.on("client", (client) => {
  const now = () => new Date().toISOString();
  client.handle("BootNotification", () => ({ status: "Accepted", interval: 300, currentTime: now() }));
  client.handle("Heartbeat", () => ({ currentTime: now() }));
  client.handle("TransactionEvent", () => ({}));
});
server.listen(0, "127.0.0.1").then((http) => {
  const url = `ws://127.0.0.1:${http.address().port}/ocpp`;
  console.log(JSON.stringify({ event: "ready", ocpp: url }));
});
process.stdin.on("end", () => process.exit(0)).resume();
