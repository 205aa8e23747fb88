// The module of undici's index that has the agent alone: undici describes only the index.
declare module 'undici/lib/dispatcher/agent.js' {
  import { Agent } from 'undici'

  export = Agent
}
