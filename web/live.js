// News from the daemon: server-sent events, begun again for as long as it takes, and how old the last ones are.

const beginAgainAfter = 3000;
// The daemon sends something at least every 20 s; a connection that is silent for longer is dead, whatever TCP thinks.
const deadAfter = 45000;
// Followers hear from the leader every 10 s.
const oldAfter = 25000;

export class Live {
  #source = null;
  #lastSign = performance.now();
  #lastNews = null;
  #begins = null;
  #trouble = null;
  #refused = false;

  constructor(onNews) {
    this.onNews = onNews;
    this.cluster = null;
    this.overview = null;
    this.connected = false;
    this.#begin();
    setInterval(() => this.#look(), 1000);
  }

  /// The error that came in place of facts; null: none.
  get trouble() { return this.#trouble; }
  /// The last try to connect failed.
  get refused() { return this.#refused; }
  /// Seconds since the facts came; null: there are none yet.
  get age() { return this.#lastNews === null ? null : Math.round((performance.now() - this.#lastNews) / 1000); }
  get isOld() { return this.#lastNews === null || !this.connected || performance.now() - this.#lastNews > oldAfter; }

  #begin() {
    this.#begins = null;
    this.#lastSign = performance.now();
    this.#source = new EventSource("/live");
    this.#source.onopen = () => this.#sign();
    this.#source.onerror = () => this.#lost();
    this.#on("cluster", (data) => { this.cluster = data; });
    this.#on("overview", (data) => {
      this.overview = data;
      this.#trouble = null;
      this.#lastNews = performance.now();
    });
    this.#on("trouble", (data) => { this.#trouble = data?.error ?? {}; });
  }

  #on(event, take) {
    this.#source.addEventListener(event, (message) => {
      this.#sign();
      take(JSON.parse(message.data));
      if (event !== "cluster") this.onNews();
    });
  }

  #sign() {
    this.connected = true;
    this.#refused = false;
    this.#lastSign = performance.now();
  }

  #lost() {
    this.#refused = !this.connected;
    this.connected = false;
    this.#trouble = null;
    this.#source.close();
    this.#begins ??= setTimeout(() => this.#begin(), beginAgainAfter);
    this.onNews();
  }

  #look() {
    if (performance.now() - this.#lastSign > deadAfter && this.#begins === null) this.#lost();
    else this.onNews();
  }
}
