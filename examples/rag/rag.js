// Answers a question from the paragraphs of a text: all of them, their vectors, the question and the
// answer travel encrypted.
import { readFile } from 'node:fs/promises'
import { SecureChatCompletion } from 'nomyo-js'

const {
  MODEL = 'Qwen/Qwen3-0.6B',
  EMBEDDING_MODEL = 'Qwen/Qwen3-Embedding-0.6B',
  NOMYO_BASE_URL = 'http://localhost:12435',
} = process.env

// It reads the API key of the gateway from NOMYO_API_KEY.
const nomyo = new SecureChatCompletion({
  baseUrl: NOMYO_BASE_URL,
  // Plain HTTP is for a gateway on this machine: on a network, an attacker could replace its keys.
  allowHttp: new URL(NOMYO_BASE_URL).hostname === 'localhost',
})

try {
  await main(process.argv[2] ?? 'How deep do I plant tulips?')
} catch (error) {
  console.error(`${error.code}: ${error.message}`)
  process.exitCode = 1
} finally {
  nomyo.dispose()
}

async function main(question) {
  const text = await readFile(new URL('garden.md', import.meta.url), 'utf8')
  const passages = text.trim().split(/\n{2,}/)

  const [asked, ...vectors] = await embed([question, ...passages])
  const nearest = passages
    .map((passage, at) => ({ passage, similarity: cosine(asked, vectors[at]) }))
    .sort((a, b) => b.similarity - a.similarity)
    .slice(0, 2)
  for (const { passage, similarity } of nearest)
    console.log(`${similarity.toFixed(2)}  ${passage.slice(0, 60)}`)

  const found = nearest.map(({ passage }) => passage).join('\n\n')
  const { choices } = await nomyo.chat.completions.create({
    model: MODEL,
    messages: [
      { role: 'system', content: 'Answer from the given passages alone, in one sentence.' },
      { role: 'user', content: `${found}\n\nQuestion: ${question}` },
    ],
  })
  console.log(`\n${choices[0].message.content}`)
}

/** Requests one vector a text, in their order. */
async function embed(input) {
  const { data } = await nomyo.embeddings.create({ model: EMBEDDING_MODEL, input })
  return data.map(({ embedding }) => embedding)
}

function cosine(a, b) {
  const product = (x, y) => x.reduce((sum, value, at) => sum + value * y[at], 0)
  return product(a, b) / Math.sqrt(product(a, a) * product(b, b))
}
