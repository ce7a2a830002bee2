/** What a call is given besides its input. */
export class Context<State, Config> {
  /** The `config` of the route or subscription. */
  readonly config: Config;
  /**
   * What the plugin last stored under this input's key; `undefined`: nothing. Assign to it to store something else, assign
   * `undefined` to forget it. A value that was changed in place is stored as well.
   */
  state: State | undefined;

  constructor(config: Config, state: State | undefined) {
    this.config = config;
    this.state = state;
  }
}
