"""Every way in which a contract can refuse, one to one with the custom errors of the contracts and of their libraries.

    try:
        run.cancel()
    except refusals.DrawFixed as refused:
        print(refused.args_by_name["round"])

The sentence under a name says what to do; it stands behind the values in the message.
"""

from __future__ import annotations

from tensorgrid.domain.errors import Reverted

# ---------------------------------------------------------------------------------------------------------------- money


class FreeTooSmall(Reverted):
    """deposit more for this board, or lower the budget"""


class HeldTooSmall(Reverted):
    """the board tried to move more than it holds: please report this"""


class ZeroAmount(Reverted):
    """give an amount above zero; a token that takes its whole transfer as fee cannot be used"""


class ZeroAddress(Reverted):
    """give a real address"""


class LengthMismatch(Reverted):
    """give as many of the one as of the other"""


class AmountTooLarge(Reverted):
    """amounts end at 2**128 - 1 for money and 2**96 - 1 for stake"""


class TooMany(Reverted):
    """ask for less at once, in pages"""


class NotAscending(Reverted):
    """sort the list and name nothing twice, or sums would count it twice"""


# -------------------------------------------------------------------------------------------------------------- posting


class Paused(Reverted):
    """the network takes no new jobs now; posted ones go on; try again later"""


class TokenNotAllowed(Reverted):
    """choose one of the network's payment tokens"""


class SchedulerNotAllowed(Reverted):
    """choose a scheduler on the network's list"""


class VerifierNotAllowed(Reverted):
    """choose a verifier on the network's list"""


class ClassNotAllowed(Reverted):
    """choose a hardware class on the network's list"""


class ForeignPlugin(Reverted):
    """the scheduler or verifier serves another board; name one of this deployment"""


class WrongFee(Reverted):
    """the network's fee has changed; build the terms again"""


class PriceZero(Reverted):
    """offer a price above zero"""


class EscrowAboveLimit(Reverted):
    """split the job, or lower price, workers or reserve: this token's jobs are capped for now"""


class ReserveTooSmall(Reverted):
    """add to the reserve, so that extra seats are funded"""


class StakeBelowMinimum(Reverted):
    """ask at least this much stake per worker"""


class BondBelowMinimum(Reverted):
    """ask at least this much no-show bond"""


class BondAboveStake(Reverted):
    """ask a stake of at least the no-show bond"""


class BondAboveMinimum(Reverted):
    """seats given by offers carry the network's least no-show bond; ask exactly that"""


class SeatsOutOfRange(Reverted):
    """choose another number of workers"""


class ReopensOutOfRange(Reverted):
    """allow fewer re-openings"""


class TimeOutOfRange(Reverted):
    """choose a time within the network's bounds"""


class WorkersUnsupported(Reverted):
    """the verifier works with that many workers only"""


class ParamsInvalid(Reverted):
    """build the verifier's parameters with ReplicationClocks, AcceptanceClocks or AuditTerms"""


class TokenUnweighted(Reverted):
    """jobs paid in this token give no score: ask three workers, or pay in another"""


class ScoreRateTooLow(Reverted):
    """the network's score weight for this token is the least rate: draft the terms anew"""


class ClockTooShort(Reverted):
    """give everybody longer to answer: a block or two must fit"""


class WindowOutOfRange(Reverted):
    """choose a time to reject within the network's bounds"""


class TokenNotHeard(Reverted):
    """the network's jury hears no cases in this token: choose another, or another way to check"""


class NonceUsed(Reverted):
    """the lane has seen this sequence or a higher one: take the next, and sign an order anew"""


class LaneBusy(Reverted):
    """the lane's last job has not ended: take another lane"""


class NotRequester(Reverted):
    """sign with the key that the terms name as requester"""


# --------------------------------------------------------------------------------------------------------------- audits


class NotPrivate(Reverted):
    """the terms are of a public job: there is no key to hand"""


class KeyAlreadyHanded(Reverted):
    """the worker has the job's key; a second one would not count"""


class WrappedTooLong(Reverted):
    """seal the job's key to the worker's recipient, and nothing else"""


# -------------------------------------------------------------------------------------------------------------- batches


class BatchUnknown(Reverted):
    """the requester has not opened this batch, or has used its lane for another since: let him open it again"""


class ItemCountOutOfRange(Reverted):
    """a batch has at least one item, and no more than that; cut it into several"""


class SliceEmpty(Reverted):
    """leave out slices without items"""


class WrongSlice(Reverted):
    """name the slice that the job does and items of it: requester and spec of the job must be the slice's"""


class SliceUnpaid(Reverted):
    """settle the job first; what a worker has not earned his price for cannot be proven"""


class LeafMismatch(Reverted):
    """give the outputs, neighbours and opening of exactly what the worker has committed to"""


class ItemUndone(Reverted):
    """the slice ended before this item: there is no output to prove"""


class ItemsAlreadyProven(Reverted):
    """nothing is left to do: the first proof stands"""


class DrawNeeded(Reverted):
    """auditors are drawn: choose a scheduler that draws"""


class SegmentsOutOfRange(Reverted):
    """a trace has at least one segment, and no more than the terms have promised"""


class AuditNotBegun(Reverted):
    """the worker's commitment is to be opened first"""


class AuditAlreadyBegun(Reverted):
    """the worker's commitment is open already; go on from there"""


class RecordMismatch(Reverted):
    """read the audit's record again from its events: it has grown"""


class AlreadyServed(Reverted):
    """the sitting's auditors have been served; wait for their answers"""


class NotServed(Reverted):
    """the worker has not served this sitting yet; wait for him"""


class SeatsStillOpen(Reverted):
    """serve once all seats are taken, or after that time if one is"""


class ChecksMismatch(Reverted):
    """give one check per auditor who is seated in this sitting"""


class AlreadyAnswered(Reverted):
    """each auditor answers once"""


class RootsMismatch(Reverted):
    """these states are not the ones that the worker's check was made of; accuse, if they are what you found"""


class FingerprintDiffers(Reverted):
    """only a machine with the accused worker's fingerprint may accuse; take no seats in audits of others"""


class FingerprintSame(Reverted):
    """you compute on what the worker does, so you can tell; replay the segments, and confirm or accuse"""


class ProfileChanged(Reverted):
    """class or fingerprint have changed since the draw of the seat; change them only while no audited job is held"""


class ClaimsInvalid(Reverted):
    """accuse one or two different segments of your own seat, and give the states of all"""


class ClaimClosed(Reverted):
    """there is no such claim, or it was answered already"""


class TraceMismatch(Reverted):
    """show the segment as it lies under the trace root that was committed to"""


class SittingNotNeeded(Reverted):
    """nothing follows now; read what the audit waits for"""


class SittingTooLate(Reverted):
    """the sitting would not end before the job settles; settle it then"""


class NoDispute(Reverted):
    """no bond is held for such a dispute"""


class DisputeUndecided(Reverted):
    """wait until the dispute is decided"""


# ---------------------------------------------------------------------------------------------------- orders and offers


class NotRelayer(Reverted):
    """the order names another relayer, who alone may post it"""


class OrderExpired(Reverted):
    """ask the requester to sign a new order"""


class BadSignature(Reverted):
    """the requester must sign the order for this chain and board, with the key that the terms name"""


class WrongSigner(Reverted):
    """the seat's own worker must sign its commitment"""


class OneSeatOnly(Reverted):
    """offers serve jobs of one worker"""


class WrongScheduler(Reverted):
    """a scheduler that draws takes no offers, and one that does not needs some"""


class PriceAboveTerms(Reverted):
    """the seat costs more than the terms pay: raise the price, or use another offer"""


class NoLiveOffer(Reverted):
    """none of these offers can be used now; ask workers for new ones"""


class OfferExpired(Reverted):
    """ask the worker for a new offer"""


class OfferTooLong(Reverted):
    """an offer is good for an hour at most; ask the worker for a shorter one"""


class OfferCancelled(Reverted):
    """the worker has called his offers back; ask for a new one"""


class OfferUnsuited(Reverted):
    """price, work time or stake lie outside the offer; ask for less, or pay more"""


class WorkerNotAllowed(Reverted):
    """the order names whose offers may be matched; use one of theirs"""


# ---------------------------------------------------------------------------------------------------- the life of a job


class UnknownJob(Reverted):
    """check the job id and the network; or it has ended, and its lane holds a later job"""


class WrongState(Reverted):
    """the job has moved on; read its state again"""


class WrongSeats(Reverted):
    """pass the job's seats as its JobTaken and JobSealed events have shown them, in the order of their numbers"""


class TakeExpired(Reverted):
    """the worker's consent has run out; have him sign a new one"""


class BoardListed(Reverted):
    """these parameters tell this board of their changes already"""


class BoardUnknown(Reverted):
    """these parameters do not know this board; see `boards()`"""


class DrawFixed(Reverted):
    """the draw of workers is fixed; the job can no longer be cancelled, only left to end"""


class DeadlinePassed(Reverted):
    """too late for this step; settle or expire the job instead"""


class DeadlineNotPassed(Reverted):
    """too early for this step; wait for the deadline"""


class RoundNotDue(Reverted):
    """wait for the beacon round"""


class RoundLost(Reverted):
    """the round's value can no longer be had; the job expires with a full refund"""


class RoundNotStored(Reverted):
    """the round is due and nobody has brought its value yet: fetch its signature from drand and store it"""


class SignatureMalformed(Reverted):
    """give the 64 bytes of drand's signature as they were published"""


class SignatureForged(Reverted):
    """drand has not signed this round so: fetch the signature of this round, of this network"""


class KeyMalformed(Reverted):
    """give drand's public key as it was published, imaginary parts first"""


class ClockMalformed(Reverted):
    """give drand's genesis and period as they were published, and a lag of seconds or minutes"""


class TopZero(Reverted):
    """give the bar a height above zero points"""


class StartOutOfRange(Reverted):
    """let the price begin at 1 to 10,000 basis points of the terms' price"""


class SeatsFull(Reverted):
    """others were faster"""


class SiblingSeated(Reverted):
    """another worker of this provider has a seat in this job"""


class SeatWasLost(Reverted):
    """its provider had a seat of the job and lost it; take other jobs"""


class NoReopenLeft(Reverted):
    """the job was opened again as often as its terms say: call expire, and post it anew"""


class WorkToClose(Reverted):
    """somebody has committed: call closeWork, and the job goes on with that"""


class OthersAtWork(Reverted):
    """only who works alone can give a job back; commit, or let the deadline pass and lose the no-show bond"""


class OwnJob(Reverted):
    """nobody works on a job of his own"""


class UnknownWorker(Reverted):
    """register the worker first; a signature over something else recovers to a stranger"""


class WrongClass(Reverted):
    """the job asks for other hardware"""


class WorkerTooYoung(Reverted):
    """registered or staked after the draw was fixed, or at rest after a lost seat; wait for later jobs"""


class CapacityReached(Reverted):
    """finish a job first, or register more capacity"""


class NotDrawn(Reverted):
    """not drawn yet; the threshold rises with time"""


class NotSeated(Reverted):
    """the worker has no seat in this job"""


class AlreadyCommitted(Reverted):
    """the commitment is on chain already; nothing is left to do"""


class CommitmentZero(Reverted):
    """commit to something"""


class NothingCommitted(Reverted):
    """nobody committed: expire the job instead"""


class VerdictPending(Reverted):
    """wait for the reveals, or for the settle deadline"""


class VerdictBroken(Reverted):
    """the verifier's judgement does not fit the job; past the settle deadline the default applies"""


class GasTooLow(Reverted):
    """send the transaction with more gas"""


class NotParameters(Reverted):
    """only the network's parameters tell a board that they have changed"""


class NotVerifier(Reverted):
    """only the verifier that the job's terms name may do this"""


# ------------------------------------------------------------------------------------------------------------- checking


class NotCommitted(Reverted):
    """only seats with a commitment are opened"""


class AlreadyRevealed(Reverted):
    """the reveal is on chain already; nothing is left to do"""


class RevealTooEarly(Reverted):
    """wait until the job is committed, and every extra seat too"""


class RevealTooLate(Reverted):
    """the time to reveal is over"""


class CommitmentMismatch(Reverted):
    """salt, root or receipt differ from what was committed"""


class RootExpected(Reverted):
    """extra seats show the result root itself, first-round seats its hash; open one round at a time"""


class ExtraNotNeeded(Reverted):
    """the first round is decided, or extra seats are open already"""


class TooLateForExtra(Reverted):
    """no time is left for a second round; settle by the rows that remain"""


class AlreadyRejected(Reverted):
    """the jury has the case already; nothing is left to do"""


class NotRejected(Reverted):
    """there is no bond: the job was never rejected, or the bond is back"""


class NothingToReject(Reverted):
    """nothing was committed yet"""


class WindowOver(Reverted):
    """the time to reject is over: silence was consent"""


class CaseUndecided(Reverted):
    """wait for the jury, or until its time is over"""


class CaseOpen(Reverted):
    """the case is open already"""


class UnknownCase(Reverted):
    """no such case was opened"""


# --------------------------------------------------------------------------------------------------- jury and bisection


class RulesInvalid(Reverted):
    """give every clock and fee of the jury, and a no-show bond of at most a juror's stake"""


class WrongPhase(Reverted):
    """wait for the phase that is needed, or leave it: its time is over"""


class PartyToCase(Reverted):
    """who is a party, or belongs to one, does not judge: leave the seat to others"""


class NotJuror(Reverted):
    """only the worker who took this seat votes in it"""


class AlreadyVoted(Reverted):
    """one vote per seat, once, and never an empty one; nothing is left to do"""


class VoteMismatch(Reverted):
    """vote and salt are not what this juror committed to: show what was"""


class VoteInvalid(Reverted):
    """vote that the accused was wrong, or that the accuser was"""


class NotLoser(Reverted):
    """only who has lost the first round, or his provider, may appeal; a hung jury has no loser"""


class AlreadyAppealed(Reverted):
    """there is one appeal, and its answer is final"""


class AppealOver(Reverted):
    """the time to appeal is over: the jury's answer is final"""


class NotAppealed(Reverted):
    """there was no appeal, or it is paid; nothing is left to do"""


class TokenUnheard(Reverted):
    """pay the appeal in a token that the jury has a fee for"""


class StillPending(Reverted):
    """wait until the jury has decided"""


class AlreadyReleased(Reverted):
    """the jurors' stake is free already; nothing is left to do"""


class NotJury(Reverted):
    """only the jury empties its purses: share this case at the jury"""


class MatchOpen(Reverted):
    """the claim is in dispute already; nothing is left to do"""


class UnknownMatch(Reverted):
    """no such dispute was opened"""


class MatchInvalid(Reverted):
    """a dispute needs two parties, two ends, at least a step and a second"""


class MatchOver(Reverted):
    """no clock runs any more; read the outcome"""


class WrongSpan(Reverted):
    """somebody has moved: pass what the dispute's last event has shown"""


class NotYourTurn(Reverted):
    """wait for the other party's move, or for his clock"""


class NotParty(Reverted):
    """only the two parties of a dispute may do this"""


class MiddleZero(Reverted):
    """give the root that was found in the middle"""


class ClockRunOut(Reverted):
    """all of this party's time is used up: the dispute is lost"""


class ClockRunning(Reverted):
    """the party still has time: wait until then"""


# --------------------------------------------------------------------------------------------------- stake and registry


class StakeTooSmall(Reverted):
    """deposit and allocate more stake for this worker, or finish its jobs"""


class LockedTooSmall(Reverted):
    """the board tried to release more than it locked: please report this"""


class LockCapReached(Reverted):
    """the worker may lock no more stake today; wait, or let the provider raise its daily cap"""


class ExitNotReady(Reverted):
    """wait until then"""


class NoExit(Reverted):
    """ask for an exit first"""


class AlreadyRegistered(Reverted):
    """update the profile instead"""


class NotProvider(Reverted):
    """sign with the provider's key"""


class BadConsent(Reverted):
    """the worker's own key must sign its consent to this provider"""


# -------------------------------------------------------------------------------------------------- deploying a network


class BoundsInconsistent(Reverted):
    """each least time must be above zero and at most the greatest"""


class FeeAboveBound(Reverted):
    """set a fee of at most the bound"""


class StakeBelowBond(Reverted):
    """set a least stake of at least the least no-show bond"""


class HalfLifeZero(Reverted):
    """give a half-life of at least one second"""


class DelayZero(Reverted):
    """give a delay of at least one block"""


class ExitDelayTooShort(Reverted):
    """make the vault's exit delay longer than any job can last"""


# ----------------------------------------------------------------------------------------------------- of the libraries


class AccessManagedInvalidAuthority(Reverted):
    """name a contract as authority"""


class AccessManagedRequiredDelay(Reverted):
    """schedule it first: this role acts with a delay"""


class AccessManagedUnauthorized(Reverted):
    """only the network's administration may do this"""


class AccessManagerAlreadyScheduled(Reverted):
    """it is scheduled already"""


class AccessManagerBadConfirmation(Reverted):
    """confirm with your own address"""


class AccessManagerExpired(Reverted):
    """it was not executed in time: schedule it again"""


class AccessManagerInvalidInitialAdmin(Reverted):
    """name an administrator"""


class AccessManagerLockedFunction(Reverted):
    """the function's role cannot be changed"""


class AccessManagerLockedRole(Reverted):
    """the role cannot be changed"""


class AccessManagerNotReady(Reverted):
    """wait for its delay"""


class AccessManagerNotScheduled(Reverted):
    """schedule it first"""


class AccessManagerUnauthorizedAccount(Reverted):
    """only the network's administration may do this"""


class AccessManagerUnauthorizedCall(Reverted):
    """only the network's administration may do this"""


class AccessManagerUnauthorizedCancel(Reverted):
    """only who scheduled it, or a guardian, may cancel it"""


class AccessManagerUnauthorizedConsume(Reverted):
    """only the contract that is managed may do this"""


class AddressEmptyCode(Reverted):
    """there is no contract at this address"""


class ECDSAInvalidSignature(Reverted):
    """no signature at all; sign again"""


class ECDSAInvalidSignatureLength(Reverted):
    """a wallet's signature has 65 bytes"""


class ECDSAInvalidSignatureS(Reverted):
    """a malleable form of signature is not accepted; sign again"""


class ERC20InsufficientAllowance(Reverted):
    """approve the contract for the amount first"""


class ERC20InsufficientBalance(Reverted):
    """the account holds less than that; get more of the token, or lower the amount"""


class ERC20InvalidApprover(Reverted):
    """the zero address approves nothing"""


class ERC20InvalidReceiver(Reverted):
    """no token moves to the zero address"""


class ERC20InvalidSender(Reverted):
    """no token moves from the zero address"""


class ERC20InvalidSpender(Reverted):
    """approve a real address"""


class ERC2612ExpiredSignature(Reverted):
    """sign a new permit with a later deadline"""


class ERC2612InvalidSigner(Reverted):
    """the owner himself must sign the permit, for this token and chain"""


class FailedCall(Reverted):
    """a call inside failed and gave no reason"""


class InsufficientBalance(Reverted):
    """the contract has less coin than that"""


class InvalidAccountNonce(Reverted):
    """the permit was used already, or is not the next one: sign a new one"""


class InvalidShortString(Reverted):
    """please report this"""


class ReentrancyGuardReentrantCall(Reverted):
    """a contract was entered again while it worked: please report this"""


class SafeCastOverflowedUintDowncast(Reverted):
    """a number is too large for its field"""


class SafeERC20FailedOperation(Reverted):
    """the token refused the transfer: it may be paused, or one of the two blocked"""


class StringTooLong(Reverted):
    """please report this"""


REFUSALS: dict[str, type[Reverted]] = {
    name: kind for name, kind in vars().items() if isinstance(kind, type) and kind.__base__ is Reverted
}
"""By the error's name."""
