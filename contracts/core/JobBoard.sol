// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

import {IBeacon} from "../interfaces/IBeacon.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {IJobBoard} from "../interfaces/IJobBoard.sol";
import {IVerifier} from "../interfaces/IVerifier.sol";
import {
    Fault,
    Job,
    JobId,
    JobRef,
    JobState,
    JobTerms,
    ORDER_TYPEHASH,
    Offer,
    Order,
    Ruling,
    Seat,
    Signature,
    hashOf
} from "../types/JobTypes.sol";
import {laneOf as laneKey} from "../types/JobWord.sol";
import {BoardBase} from "./BoardBase.sol";
import {Seating} from "./Seating.sol";

/// @title JobBoard, as IJobBoard says
/// @dev Every function reads: identify, check, write, emit, call out. What is called out to cannot come back: ledgers,
/// registry and beacon call nobody (tokens move only in the ledgers' own deposits and withdrawals), schedulers and
/// verifiers are asked by static calls.
contract JobBoard is Seating {
    bytes32 private constant SEAL_TYPEHASH = keccak256("Seal(bytes32 job,bytes32 commitment)");

    constructor(
        address escrow,
        address vault,
        address registry,
        address reputation,
        address parameters,
        address beacon
    ) BoardBase(escrow, vault, registry, reputation, parameters, beacon) EIP712("tensorgrid", "1") {}

    // ---- the requester, or a relayer for him

    /// @inheritdoc IJobBoard
    function post(JobTerms calldata terms) external returns (JobId) {
        Entry memory entry = _openOwn(terms, true);
        _store(entry);
        return entry.id;
    }

    /// @inheritdoc IJobBoard
    function postWithOffers(JobTerms calldata terms, Offer[] calldata offers) external returns (JobId) {
        Entry memory entry = _openOwn(terms, false);
        _match(terms, entry, offers, new address[](0));
        _store(entry);
        return entry.id;
    }

    /// @inheritdoc IJobBoard
    function postFor(
        JobTerms calldata terms,
        Order calldata order,
        bytes calldata signature,
        Offer[] calldata offers
    ) external returns (JobId) {
        bytes32 termsHash = hashOf(terms);
        JobId id = _idOf(termsHash);
        require(order.relayer == address(0) || order.relayer == msg.sender, NotRelayer(id, msg.sender));
        require(block.timestamp <= order.postBy, OrderExpired(id, order.postBy));
        bool signed =
            SignatureChecker.isValidSignatureNowCalldata(terms.requester, _orderDigest(termsHash, order), signature);
        require(signed, BadSignature(id, terms.requester));

        Entry memory entry = _open(terms, termsHash, order.relayFee, offers.length == 0);
        if (offers.length > 0) _match(terms, entry, offers, order.workers);
        _store(entry);
        emit OrderRelayed(id, msg.sender, order.relayFee);
        if (order.relayFee > 0) _payRelayer(terms, order.relayFee);
        return id;
    }

    /// @inheritdoc IJobBoard
    function retire(uint256 nonce) external {
        Entry memory entry;
        entry.lane = laneKey(msg.sender, nonce);
        _enterLane(entry.lane, msg.sender, nonce);
        // Nothing is left of the lane's last job; its sequence is all that counts.
        entry.job.state = JobState.Cancelled;
        entry.job.sequence = uint16(nonce);
        _store(entry);
        emit NonceRetired(msg.sender, nonce);
    }

    /// @inheritdoc IJobBoard
    function cancel(JobTerms calldata terms) external {
        Entry memory entry = _find(terms);
        _expect(entry, JobState.Posted);
        _check(entry, new Seat[](0));
        require(msg.sender == terms.requester, NotRequester(entry.id, msg.sender));
        // INVARIANT (D1): a requester who can know the draw can no longer throw it away for another.
        require(!IBeacon(BEACON).isDue(entry.job.round), DrawFixed(entry.id, entry.job.round));
        entry.job.state = JobState.Cancelled;
        _store(entry);
        emit JobCancelled(entry.id, _giveBack(terms));
    }

    // ---- the worker, or anyone for him

    /// @inheritdoc IJobBoard
    function progress(JobId id, bytes32 digest) external {
        emit JobProgress(id, msg.sender, digest);
    }

    /// @inheritdoc IJobBoard
    function commit(JobRef calldata ref, uint8 number, Seat[] calldata held, bytes32 commitment) external {
        _commit(ref, number, held, commitment);
    }

    /// @inheritdoc IJobBoard
    function commitAndSettle(
        JobRef calldata ref,
        uint8 number,
        Seat[] calldata held,
        bytes32 commitment,
        JobTerms calldata earlier,
        Seat[] calldata earlierHeld
    ) external {
        _commit(ref, number, held, commitment);
        _settle(earlier, earlierHeld);
    }

    /// @inheritdoc IJobBoard
    function commitMany(
        JobRef calldata ref,
        Seat[] calldata held,
        bytes32[] calldata commitments,
        Signature[] calldata signatures
    ) external {
        Entry memory entry = _atWork(ref);
        Seat[] memory seats = held;
        _checkAll(entry, seats);
        require(commitments.length == seats.length, LengthMismatch(commitments.length, seats.length));
        require(signatures.length == seats.length, LengthMismatch(signatures.length, seats.length));
        for (uint256 i = 0; i < seats.length; ++i) {
            if (commitments[i] == 0) continue;
            bytes32 digest = sealDigest(entry.id, commitments[i]);
            address signer = ECDSA.recover(digest, signatures[i].r, signatures[i].vs);
            require(signer == seats[i].worker, WrongSigner(entry.id, signer, seats[i].worker));
            _seal(entry, seats[i], i + 1, commitments[i]);
            if (!entry.job.folded) _writeSeat(entry, seats[i], i + 1);
        }
        if (entry.job.folded) _fold(entry, seats);
        _endWorkIfAllSealed(entry);
        _store(entry);
    }

    /// @inheritdoc IJobBoard
    function commitExtra(JobTerms calldata terms, uint8 number, Seat[] calldata held, bytes32 commitment) external {
        Entry memory entry = _find(terms);
        _expect(entry, JobState.Committed);
        uint40 workBy = IVerifier(terms.verifier).seats(terms, entry.id).workBy;
        require(block.timestamp <= workBy, DeadlinePassed(entry.id, workBy));
        require(number > terms.workers, NotSeated(entry.id, msg.sender));
        _sealOwn(entry, number, held, commitment);
        _store(entry);
    }

    // ---- anyone

    /// @inheritdoc IJobBoard
    function closeWork(JobTerms calldata terms, Seat[] calldata held) external {
        Entry memory entry = _find(terms);
        _expect(entry, JobState.Assigned);
        _check(entry, held);
        uint40 deadline = entry.job.clock;
        require(block.timestamp > deadline, DeadlineNotPassed(entry.id, deadline));
        require(entry.job.committed > 0, NothingCommitted(entry.id));
        // INVARIANT (J2): a job lives no longer than MAX_LIFE, however late somebody comes to close it.
        uint40 closeBy = deadline + terms.settleTime;
        require(block.timestamp <= closeBy, DeadlinePassed(entry.id, closeBy));
        _endWork(entry);
        _store(entry);
    }

    /// @inheritdoc IJobBoard
    function contest(JobTerms calldata terms, Seat[] calldata held) external {
        Entry memory entry = _find(terms);
        _expect(entry, JobState.Committed);
        _check(entry, held);
        require(msg.sender == terms.verifier, NotVerifier(entry.id, msg.sender));
        entry.job.contested = true;
        _store(entry);
        emit JobContested(entry.id);
    }

    /// @inheritdoc IJobBoard
    function settle(JobTerms calldata terms, Seat[] calldata held) external {
        _settle(terms, held);
    }

    /// @inheritdoc IJobBoard
    function settleMany(JobTerms[] calldata terms, Seat[][] calldata held) external {
        require(terms.length == held.length, LengthMismatch(held.length, terms.length));
        for (uint256 i = 0; i < terms.length; ++i) {
            _settle(terms[i], held[i]);
        }
    }

    /// @inheritdoc IJobBoard
    function expire(JobTerms calldata terms, Seat[] calldata held) external {
        Entry memory entry = _find(terms);
        Seat[] memory seats = held;
        _checkAll(entry, seats);
        bool assigned = entry.job.state == JobState.Assigned;
        require(assigned || entry.job.state == JobState.Posted, WrongState(entry.id, entry.job.state, JobState.Posted));
        uint40 deadline = assigned ? entry.job.clock : terms.takeBy;
        // What somebody committed to may still be closed and settled; that has its own time.
        if (entry.job.committed > 0) deadline += terms.settleTime;
        require(block.timestamp > deadline, DeadlineNotPassed(entry.id, deadline));

        Ruling[] memory rulings = new Ruling[](seats.length);
        for (uint256 i = 0; assigned && i < seats.length; ++i) {
            // A seat still empty at takeBy is no taker's fault; an empty hand at the work deadline is.
            if (seats[i].commitment == 0) rulings[i].fault = Fault.NoShow;
        }
        entry.job.state = JobState.Expired;
        _store(entry);
        (,, uint256 returned) = _payOut(terms, seats, rulings);
        _judge(terms, entry.id, seats, rulings);
        emit JobExpired(entry.id, msg.sender, returned);
    }

    // ---- reading

    /// @inheritdoc IJobBoard
    function look(JobTerms calldata terms, Seat[] calldata held) external view returns (JobId, Job memory) {
        Entry memory entry = _find(terms);
        _check(entry, held);
        return (entry.id, entry.job);
    }

    /// @inheritdoc IJobBoard
    function idOf(JobTerms calldata terms) external view returns (JobId) {
        return _idOf(hashOf(terms));
    }

    /// @inheritdoc IJobBoard
    function jobOf(address requester, uint256 nonce) external view returns (Job memory job) {
        Job memory last = _load(laneKey(requester, nonce));
        if (last.sequence == uint16(nonce)) return last;
        if (last.sequence > uint16(nonce)) job.state = JobState.Superseded;
    }

    /// @inheritdoc IJobBoard
    function laneOf(address requester, uint256 lane) external view returns (JobState, uint16) {
        return _lastOf(laneKey(requester, lane << 16));
    }

    /// @inheritdoc IJobBoard
    function orderDigest(JobTerms calldata terms, Order calldata order) external view returns (bytes32) {
        return _orderDigest(hashOf(terms), order);
    }

    /// @inheritdoc IJobBoard
    function sealDigest(JobId id, bytes32 commitment) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(SEAL_TYPEHASH, id, commitment)));
    }

    // ---- posting

    function _openOwn(JobTerms calldata terms, bool drawn) private returns (Entry memory) {
        bytes32 termsHash = hashOf(terms);
        require(msg.sender == terms.requester, NotRequester(_idOf(termsHash), msg.sender));
        return _open(terms, termsHash, 0, drawn);
    }

    function _orderDigest(bytes32 termsHash, Order calldata order) private view returns (bytes32) {
        bytes32 workers = keccak256(abi.encodePacked(order.workers));
        return _hashTypedDataV4(
            keccak256(abi.encode(ORDER_TYPEHASH, termsHash, order.relayer, order.relayFee, order.postBy, workers))
        );
    }

    function _payRelayer(JobTerms calldata terms, uint256 fee) private {
        address[] memory accounts = new address[](1);
        uint256[] memory amounts = new uint256[](1);
        (accounts[0], amounts[0]) = (msg.sender, fee);
        IEscrow(ESCROW).distribute(terms.payToken, terms.requester, accounts, amounts, 0);
    }

    // ---- committing

    /// @dev A job whose first seats may still commit.
    function _atWork(JobRef calldata ref) private view returns (Entry memory entry) {
        entry = _find(ref.requester, ref.nonce, ref.termsHash);
        _expect(entry, JobState.Assigned);
        require(block.timestamp <= entry.job.clock, DeadlinePassed(entry.id, entry.job.clock));
    }

    function _commit(JobRef calldata ref, uint8 number, Seat[] memory held, bytes32 commitment) private {
        Entry memory entry = _atWork(ref);
        _sealOwn(entry, number, held, commitment);
        _endWorkIfAllSealed(entry);
        _store(entry);
    }

    /// @dev The caller's own seal. `held` is his seat alone, or all seats.
    function _sealOwn(Entry memory entry, uint8 number, Seat[] memory held, bytes32 commitment) private {
        // Not folded, his seat alone is enough; who has passed all of them has not seen the job unfold, which is no fault.
        uint256 at = entry.job.folded || held.length > 1 ? uint256(number) : 1;
        require(at > 0 && at <= held.length, WrongSeats(entry.id, number));
        Seat memory seat = held[at - 1];
        if (entry.job.folded) {
            _check(entry, held);
            // Alone he keeps the job folded; of several, each gets a slot, so that nobody waits for another.
            if (held.length > 1) _unfold(entry, held);
        } else {
            require(entry.job.digest == bytes20(entry.id.asBytes()), UnknownJob(entry.id));
            _checkSeat(entry, seat, number);
        }
        require(seat.worker == msg.sender, NotSeated(entry.id, msg.sender));
        _seal(entry, seat, number, commitment);
        if (entry.job.folded) _fold(entry, held);
        else _writeSeat(entry, seat, number);
    }

    /// @dev The caller writes the seat and stores the job.
    function _seal(Entry memory entry, Seat memory seat, uint256 number, bytes32 commitment) private {
        require(commitment != 0, CommitmentZero(entry.id));
        // INVARIANT (J3): a seat commits once; what it has committed to is never replaced.
        require(seat.commitment == 0, AlreadyCommitted(entry.id, seat.worker));
        seat.commitment = commitment;
        entry.job.committed |= uint8(1 << (number - 1));
        emit JobSealed(entry.id, seat.worker, commitment);
    }

    function _endWorkIfAllSealed(Entry memory entry) private {
        if (entry.job.committed == (1 << entry.job.taken) - 1) _endWork(entry);
    }

    /// @dev The caller stores the job.
    function _endWork(Entry memory entry) private {
        entry.job.state = JobState.Committed;
        entry.job.clock = uint40(block.timestamp);
        emit JobCommitted(entry.id, entry.job.clock);
    }

    // ---- settling

    function _settle(JobTerms calldata terms, Seat[] calldata held) private {
        Entry memory entry = _find(terms);
        _expect(entry, JobState.Committed);
        Seat[] memory seats = held;
        _checkAll(entry, seats);
        Ruling[] memory rulings = _rulings(terms, entry, held, seats);
        entry.job.state = JobState.Settled;
        _store(entry);
        (uint256 paid, uint256 fee, uint256 returned) = _payOut(terms, seats, rulings);
        _judge(terms, entry.id, seats, rulings);
        emit JobSettled(entry.id, msg.sender, paid, fee, returned);
    }
}
