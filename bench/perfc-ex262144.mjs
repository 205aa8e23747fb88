import{createRequire as __c}from'node:module';const require=__c(import.meta.url);

// bench/src/exchange/contenders/wires.ts
import { importPrivateKey, openEnvelope, openJson, sealEnvelope, sealJson } from "@nomyo/crypto";
import {
  createBhttpReader,
  createRequestKey,
  createWholeResponse,
  encodeKeyList,
  encodeRequestParts,
  loadHybridKem,
  openRequest,
  parseKeyList,
  sealRequest
} from "@nomyo/crypto/wire-2";

// internal/testing/src/vectors/index.ts
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
var manifest = createRequire(import.meta.url).resolve("@nomyo-internal/testing/package.json");
var dataFolder = new URL("data/nomyo/", pathToFileURL(manifest));
var tpmFolder = new URL("data/tpm/", pathToFileURL(manifest));
var realFolder = new URL("data/real/", pathToFileURL(manifest));
var wire2Folder = new URL("data/wire2/", pathToFileURL(manifest));
function keyFile(path) {
  const entry = load("keys").files[path];
  if (entry === void 0) throw new Error(`no key file ${path} among the vectors`);
  if (entry.text !== void 0) return new Uint8Array(Buffer.from(entry.text, "base64"));
  const { label, der, eol, final_newline: finalNewline } = entry;
  const newline = eol === "crlf" ? "\r\n" : "\n";
  const lines = [
    `-----BEGIN ${label}-----`,
    ...der.match(/.{1,64}/g) ?? [],
    `-----END ${label}-----`
  ];
  return new TextEncoder().encode(lines.join(newline) + (finalNewline === false ? "" : newline));
}
var keyPem = (path) => new TextDecoder().decode(keyFile(path));
var load = (name) => readJson(new URL(`${name}.json`, dataFolder));
var readJson = (file) => JSON.parse(readFileSync(file, "utf8"));

// bench/src/harness/run-context.ts
var readKey = (name = "client") => ({
  privateKey: keyPem(`keys/${name}.private.pem`),
  publicKey: keyPem(`keys/${name}.public.pem`)
});

// bench/src/exchange/contender.ts
var encode = (value) => new TextEncoder().encode(JSON.stringify(value));
var decode = (json) => JSON.parse(new TextDecoder().decode(json));

// bench/src/exchange/contenders/wires.ts
async function wire1() {
  const server = await importPrivateKey(readKey("other").privateKey);
  const client = await importPrivateKey(readKey().privateKey);
  return {
    exchange: async (value) => {
      const request = await sealJson(value, server.publicKey);
      const { plaintext } = await openEnvelope(request, server.privateKey);
      const answer = await sealEnvelope(plaintext, client.publicKey);
      return (await openJson(answer, client.privateKey)).value;
    }
  };
}
var LIMITS = { maxChunk: 262144, maxBytes: 32 * 1024 * 1024 };
var PART_BYTES = 65536;
var FIELDS = [
  ["date", "Sat, 28 Nov 2026 12:00:00 GMT"],
  ["authorization", "Bearer 0123456789abcdef"],
  ["idempotency-key", "00000000-0000-4000-8000-000000000000"],
  ["content-type", "application/json"]
];
async function wire2() {
  const kem = await loadHybridKem();
  const key = await createRequestKey(kem, { id: 1 });
  const [config] = parseKeyList(encodeKeyList([key]));
  if (config === void 0) throw new Error("the key list is empty");
  return {
    exchange: async (value) => {
      const message = encodeRequestParts({
        method: "POST",
        scheme: "https",
        authority: "gateway.example",
        path: "/v1/chat/completions",
        fields: FIELDS,
        content: encode(value)
      });
      const { body, openAnswer } = await sealRequest(kem, config, message, LIMITS);
      const request = openRequest([key], LIMITS);
      const content = await readContent("request", request, [body]);
      const { head, seal: seal2 } = await request.sealAnswer(LIMITS);
      const fields = FIELDS.slice(-1);
      const response = createWholeResponse().finalParts({ status: 200, fields, content });
      const answer = await seal2(response, { final: true });
      return decode(await readContent("response", openAnswer(LIMITS), [head, answer]));
    }
  };
}
async function readContent(kind, opener, message) {
  const reader = createBhttpReader(kind);
  const contents = [];
  const take = (events) => {
    for (const event of events) if (event.type === "content") contents.push(event.bytes);
  };
  for (const bytes of message) {
    for (let at = 0; at < bytes.length; at += PART_BYTES) {
      for (const chunk of await opener.push(bytes.subarray(at, at + PART_BYTES))) {
        take(reader.push(chunk));
      }
    }
  }
  take(reader.push(await opener.end()));
  take(reader.end());
  return Buffer.concat(contents);
}

// bench/src/exchange/contenders/aes.ts
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
var NONCE_BYTES = 12;
var TAG_BYTES = 16;
function aes() {
  return {
    exchange: (value) => {
      const answer = open(seal(open(seal(encode(value)))));
      return Promise.resolve(decode(answer));
    }
  };
}
var KEY = randomBytes(32);
function seal(plaintext) {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", KEY, nonce);
  const parts = [nonce, cipher.update(plaintext), cipher.final()];
  return Buffer.concat([...parts, cipher.getAuthTag()]);
}
function open(sealed) {
  const authTagLength = TAG_BYTES;
  const nonce = sealed.subarray(0, NONCE_BYTES);
  const decipher = createDecipheriv("aes-256-gcm", KEY, nonce, { authTagLength });
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  const ciphertext = sealed.subarray(NONCE_BYTES, -TAG_BYTES);
  return Buffer.concat([decipher.update(ciphertext), decipher.final()]);
}

// bench/src/messages.ts
var SIZES = {
  "1 KB": 1024,
  "64 KB": 64 * 1024,
  "1 MB": 1024 * 1024,
  "9 MB": 9 * 1024 * 1024
};
var LINES = {
  ascii: 'The quick brown fox jumps over the lazy dog, and says "so what?".\n',
  "multi-byte": 'Gr\xF6\xDFe, d\xE9j\xE0 vu, \u0441\u043C\u043E\u0442\u0440\u0438: \u4F60\u597D\u4E16\u754C, \u3053\u3093\u306B\u3061\u306F \u{1F98A} "na\xEFve".\n'
};
function chatRequest(size, text, model = "nomyo/echo") {
  const withText = (content2) => ({
    model,
    messages: [
      { role: "system", content: "You are a helpful assistant." },
      { role: "user", content: content2 }
    ]
  });
  const bytesOf = (content2) => Buffer.byteLength(JSON.stringify(withText(content2)));
  const line = LINES[text];
  const room = SIZES[size] - bytesOf("");
  const perLine = bytesOf(line) - bytesOf("");
  const lines = Math.floor(room / perLine);
  const content = line.repeat(lines) + "x".repeat(room - lines * perLine);
  return JSON.parse(JSON.stringify(withText(content)));
}

// <stdin>
var sizes = (process.env.SIZES ?? "1 KB,1 MB,9 MB").split(",");
var C = { wire2: await wire2(), aes: aes(), ...process.env.NO1 ? {} : { wire1: await wire1() } };
var R = { "1 KB": 300, "64 KB": 100, "1 MB": 60, "9 MB": 12 };
var names = Object.keys(C);
console.log(process.version);
for (let i = 0; i < 200; i++) for (const n of ["wire2", "aes"]) await C[n].exchange(chatRequest("1 KB", "ascii"));
for (const size of sizes) {
  const v = chatRequest(size, "ascii");
  const t = Object.fromEntries(names.map((n) => [n, []])), u = Object.fromEntries(names.map((n) => [n, []]));
  const rounds = Number(process.env.ROUNDS ?? R[size]);
  for (let r = 0; r < rounds; r++) for (const n of names.toSorted(() => Math.random() - 0.5)) {
    const c = process.cpuUsage(), s = performance.now();
    await C[n].exchange(v);
    t[n].push(performance.now() - s);
    const d = process.cpuUsage(c);
    u[n].push((d.user + d.system) / 1e3);
  }
  const q = (a, p) => a.toSorted((x, y) => x - y)[Math.floor((a.length - 1) * p)];
  console.log(size.padEnd(6), names.map((n) => n + " q10 " + q(t[n], 0.1).toFixed(2) + " med " + q(t[n], 0.5).toFixed(2) + " cpu10 " + q(u[n], 0.1).toFixed(2) + " cpumed " + q(u[n], 0.5).toFixed(2)).join(" | "), "| w2/aes q10", (q(t.wire2, 0.1) / q(t.aes, 0.1)).toFixed(2), "cpu", (q(u.wire2, 0.5) / q(u.aes, 0.5)).toFixed(2), ...t.wire1 ? ["w2/w1 q10", (q(t.wire2, 0.1) / q(t.wire1, 0.1)).toFixed(3), "med", (q(t.wire2, 0.5) / q(t.wire1, 0.5)).toFixed(3)] : []);
}
