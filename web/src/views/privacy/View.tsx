import { useSearch } from "@tanstack/react-router";
import { usePrivacy } from "../../api/queries";
import type { Privacy as PrivacyAnswer } from "../../api/types";
import { bytes, count, counted, days } from "../../lib/format";
import { rangeOf } from "../../lib/search";
import type { Window } from "../../lib/time";
import { Card } from "../../ui/Card";
import { ErrorNote } from "../../ui/ErrorNote";
import { PageHead } from "../../ui/PageHead";
import { RangePicker } from "../../ui/RangePicker";
import { Skeleton } from "../../ui/Skeleton";
import { Updated } from "../../ui/Updated";
import { RegisteredDevices } from "./Devices";
import { Findings } from "./Findings";
import { Outcomes } from "./Outcomes";
import { Receipts } from "./Receipts";
import { Received } from "./Received";
import { Reported } from "./Reported";
import styles from "./View.module.css";

/** A proof in plain words: what arrived, what text is in it, what was taken out, what became of every event. */
export function Privacy() {
  const search = useSearch({ strict: false });
  const answer = usePrivacy(rangeOf(search));
  return (
    <div data-testid="privacy-page">
      <PageHead title="What left your machines">
        <Updated at={answer.dataUpdatedAt} failed={answer.isRefetchError} />
        <RangePicker />
      </PageHead>
      {answer.isPending && <Skeleton lines={14} label="Loading the record" />}
      {answer.isError && answer.data === undefined && (
        <ErrorNote
          title="The record could not be loaded"
          error={answer.error}
          onRetry={() => void answer.refetch()}
        />
      )}
      {answer.data !== undefined && <Proof privacy={answer.data.privacy} window={answer.data.window} />}
    </div>
  );
}

function Proof({ privacy, window }: { privacy: PrivacyAnswer; window: Window }) {
  return (
    <div className={styles.stack}>
      {privacy.warnings.map((warning) => (
        <p key={warning} className={styles.statement} data-warn>
          On this server, {warning}.
        </p>
      ))}
      <Statement privacy={privacy} window={window} />
      <div className={styles.pair}>
        <TextKept privacy={privacy} />
        <Card
          title="What the floor took out"
          testId="privacy-findings"
          note="Secrets and personal data that the redaction floor found in texts, by rule. Only the counts are kept."
        >
          <Findings findings={privacy.findings} floorVersions={privacy.floor_versions} />
        </Card>
      </div>
      <Card
        title="Who sent what"
        note="Every producer that reached this server: requests, events and bytes as received, and the texts that came with them."
      >
        <Received producers={privacy.received} />
      </Card>
      <Card
        title="What became of every event"
        testId="privacy-outcomes"
        note="Each event ends in exactly one outcome. Nothing is lost without being counted."
      >
        <Outcomes outcomes={privacy.outcomes} />
      </Card>
      <Card
        title="What daemons signed"
        testId="privacy-receipts"
        note="A daemon records every request before it leaves, in a chain that it signs. Each batch brings a receipt with its place in that chain, so that the record cannot be changed later without a contradiction."
      >
        <Receipts receipts={privacy.receipts} />
      </Card>
      <Card
        title="What the producers counted themselves"
        note="Each SDK process counts its own calls and ships the counters, so that a loss shows even where nothing arrived."
      >
        <Reported reported={privacy.reported} />
      </Card>
      <RegisteredDevices />
    </div>
  );
}

/** The page in one paragraph. */
function Statement({
  privacy: { received, text, findings },
  window,
}: {
  privacy: PrivacyAnswer;
  window: Window;
}) {
  const sum = (pick: (producer: PrivacyAnswer["received"][number]) => number) =>
    received.reduce((total, producer) => total + pick(producer), 0);
  const [requests, events, size] = [
    sum((producer) => producer.requests),
    sum((producer) => producer.events),
    sum((producer) => producer.bytes),
  ];
  const secrets = findings
    .filter((finding) => finding.class === "secret")
    .reduce((total, finding) => total + finding.count, 0);
  const personal = findings.reduce((total, finding) => total + finding.count, 0) - secrets;
  if (events === 0)
    return (
      <p className={styles.statement}>Nothing arrived in this range ({days(window.from, window.to)}).</p>
    );
  return (
    <p className={styles.statement}>
      From {days(window.from, window.to)}, <strong>{counted(events, "event")}</strong> arrived in{" "}
      {counted(requests, "request")} of {bytes(size)} in all. The text in them:{" "}
      <strong>{counted(text.abstracts, "abstract")}</strong> and{" "}
      <strong>{counted(text.titles, "title")}</strong>,{" "}
      {text.excerpts === 0 ? (
        <em>and no excerpt of any prompt or answer.</em>
      ) : (
        <>
          and <em data-warn>{counted(text.excerpts, "redacted excerpt")}</em>, which a producer was set to
          send.
        </>
      )}{" "}
      Before that,{" "}
      {secrets === 0 && personal === 0
        ? "the floor found nothing to take out"
        : `the floor took out ${counted(secrets, "secret")} and ${counted(personal, "piece")} of personal data`}
      .
    </p>
  );
}

function TextKept({ privacy: { text, waiting_text: waiting } }: { privacy: PrivacyAnswer }) {
  const characters = (number: number) => counted(number, "character");
  const rows: [string, number, string | null, string][] = [
    [
      "Abstracts",
      text.abstracts,
      characters(text.abstract_chars),
      "a sentence or two on what was asked and what came of it, at most 512 characters",
    ],
    ["Titles", text.titles, null, "a few words, at most 80 characters"],
    [
      "Excerpts",
      text.excerpts,
      characters(text.excerpt_chars),
      "redacted pieces of a prompt or an answer; off by default",
    ],
    [
      "Waiting turns",
      waiting.turns,
      bytes(waiting.bytes),
      "whole turns that came to /v1/ingest/raw wait here, redacted, until their abstract is made, at most 24 hours; then their text is overwritten",
    ],
    [
      "No abstract",
      text.no_abstract,
      null,
      "events that came with whole turns and stand in no abstract, or not yet: their numbers are kept",
    ],
  ];
  return (
    <Card title="The text that is kept" note="All free text on this server. There is no other place for it.">
      <table className={styles.texts}>
        <caption className="unseen">Free text that is kept, by kind</caption>
        <tbody>
          {rows.map(([name, found, size, meaning]) => (
            <tr key={name}>
              <th scope="row">
                {name}
                <p>{meaning}</p>
              </th>
              <td>
                {count(found)}
                {size !== null && found > 0 && <p>{size}</p>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  );
}
